package pricing

import "strings"

// providerOf returns the table's provider for the host name of an API. Hosts that bill in another currency than US dollars
// (api.moonshot.cn, dashscope.aliyuncs.com) are left out on purpose: the table's price is not theirs.
func providerOf(host string) (string, bool) {
	host = strings.ToLower(host)
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	host = strings.TrimSuffix(host, ".")
	switch host {
	case "api.openai.com", "us.api.openai.com", "eu.api.openai.com":
		return "openai", true
	case "api.anthropic.com":
		return "anthropic", true
	case "generativelanguage.googleapis.com":
		return "google", true
	case "aiplatform.googleapis.com":
		return "google-vertex", true
	case "api.mistral.ai":
		return "mistral", true
	case "api.x.ai":
		return "xai", true
	case "api.deepseek.com":
		return "deepseek", true
	case "api.groq.com":
		return "groq", true
	case "api.together.xyz", "api.together.ai":
		return "togetherai", true
	case "api.fireworks.ai":
		return "fireworks-ai", true
	case "api.cohere.com", "api.cohere.ai":
		return "cohere", true
	case "api.moonshot.ai":
		return "moonshotai", true
	case "api.z.ai":
		return "zai", true
	case "api.minimax.io":
		return "minimax", true
	case "api.perplexity.ai":
		return "perplexity", true
	case "api.cerebras.ai":
		return "cerebras", true
	case "dashscope-intl.aliyuncs.com":
		return "alibaba", true
	}
	switch {
	case strings.HasSuffix(host, ".openai.azure.com"), strings.HasSuffix(host, ".services.ai.azure.com"):
		return "azure", true
	case strings.HasSuffix(host, "-aiplatform.googleapis.com"):
		return "google-vertex", true
	case strings.HasPrefix(host, "bedrock-runtime.") && strings.HasSuffix(host, ".amazonaws.com"):
		return "amazon-bedrock", true
	}
	return "", false
}

// RegionOf returns the region that an API at a host name is served from, in the words of the table; "" if the name does not tell.
func RegionOf(host string) string {
	host = strings.ToLower(host)
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	host = strings.TrimSuffix(host, ".")
	if region, ok := strings.CutSuffix(host, ".api.openai.com"); ok {
		return region
	}
	if host == "aiplatform.googleapis.com" {
		return "global"
	}
	if region, ok := strings.CutSuffix(host, "-aiplatform.googleapis.com"); ok {
		return region
	}
	if rest, ok := strings.CutPrefix(host, "bedrock-runtime."); ok {
		if region, ok := strings.CutSuffix(rest, ".amazonaws.com"); ok {
			return region
		}
	}
	return ""
}
