package main

import (
	"fmt"
	"runtime/debug"
)

func version(p *program, args []string) error {
	if err := p.parseAll(p.flags("version"), args); err != nil {
		return err
	}
	fmt.Fprintln(p.out, "bursar", buildVersion())
	return nil
}

// buildVersion is the module's version, or the commit it was built from.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}
