package budget

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Check returns what is wrong with the server, one sentence each: settings with which it would lose what was spent, or a version that
// is too old. It is for the start of a gateway.
func (r *Redis) Check(ctx context.Context) (problems []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	check := func(ctx context.Context, c *redis.Client) error {
		info, err := c.InfoMap(ctx).Result()
		if err != nil {
			return fmt.Errorf("ask %s for its settings: %w: %w", c.Options().Addr, ErrStoreDown, err)
		}
		for _, p := range serverProblems(info) {
			problems = append(problems, c.Options().Addr+": "+p)
		}
		return nil
	}
	switch c := r.client.(type) {
	case *redis.Client:
		err = check(ctx, c)
	case *redis.ClusterClient:
		var node *redis.Client
		if node, err = c.MasterForKey(ctx, r.keys.epoch); err == nil { // all keys of the org live there
			err = check(ctx, node)
		} else {
			err = fmt.Errorf("find the node of %q: %w: %w", r.keys.epoch, ErrStoreDown, err)
		}
	}
	return problems, err
}

func serverProblems(info map[string]map[string]string) (problems []string) {
	memory, server, persistence := info["Memory"], info["Server"], info["Persistence"]
	if policy := memory["maxmemory_policy"]; memory["maxmemory"] != "0" && policy != "" && policy != "noeviction" {
		problems = append(problems, fmt.Sprintf("maxmemory-policy is %s: it would evict budgets, which makes spent money free again; set it to noeviction, or give budgets a Redis of their own", policy))
	}
	major, _, _ := strings.Cut(server["redis_version"], ".")
	if n, err := strconv.Atoi(major); err == nil && n < 7 {
		problems = append(problems, fmt.Sprintf("version %s is too old: 7 or later is needed", server["redis_version"]))
	}
	if persistence["aof_enabled"] == "0" {
		problems = append(problems, "appendonly is off: what was spent since the last snapshot is lost when it restarts; set appendonly yes")
	}
	return problems
}
