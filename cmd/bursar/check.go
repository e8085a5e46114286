package main

import (
	"errors"
	"fmt"

	"bursar/policy"
)

// check loads a policy file and prints every problem. Exit status 0 if it loads.
func check(p *program, args []string) error {
	f := p.flags("check")
	rest, err := p.parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usageError{"name one policy file"}
	}
	loaded, err := policy.Load(rest[0])
	var problems *policy.Problems
	if errors.As(err, &problems) {
		fmt.Fprintln(p.out, problems.Error())
		return errFailed
	}
	if err != nil {
		return err
	}
	for i := range loaded.Warnings {
		w := &loaded.Warnings[i]
		fmt.Fprint(p.out, "warning: ", w.Render(rest[0]))
	}
	fmt.Fprintf(p.out, "%s: ok: %d models, %d budgets, %d routes, %d warnings\n",
		rest[0], len(loaded.Models), len(loaded.Budgets), len(loaded.Routes), len(loaded.Warnings))
	return nil
}
