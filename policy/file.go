package policy

// This file is the one description of policies.yaml. The decoder walks these structs, and `go generate ./policy` makes the JSON
// schema and docs/policies.md from them and their comments: a comment here is what an author sees on hover and reads in the docs.
// Tags: key is the name in the file, need marks keys that must stand, one lists the words allowed, least and most bound a number,
// names says what a name refers to, usual is what holds if the key is absent, like is an example.

// The policy of a Bursar gateway: where requests may go, who pays for them, what they may cost and how each one is routed.
type fileEntry struct {
	At place

	// The version of this file's format. It is always 1.
	Version whole `key:"version" need:"yes" like:"1"`
	// Time zone in which a day, a week and a month begin, and in which `hour` is read: a name of the IANA database.
	Timezone text `key:"timezone" usual:"UTC" like:"Europe/Berlin"`
	// Where requests can go.
	Providers table[providerEntry] `key:"providers" need:"yes" each:"provider name"`
	// Names that clients may ask for, beside `auto` and `provider/model`. Any other name is a 404 that lists these.
	Models table[modelEntry] `key:"models" need:"yes" each:"model name"`
	// Prices beyond those built into the program.
	Prices *pricesEntry `key:"prices"`
	// The model that savings are measured against: what every request would have cost on it.
	Baseline text `key:"baseline" names:"model" usual:"the model of default" like:"premium"`
	// Who pays. Keys are issued to teams, and every request is charged to one.
	Teams table[teamEntry] `key:"teams" each:"team name"`
	// Keys that stand in this file by their digests, beside those that `bursar keys` issues. A key ends with its row.
	Keys list[keyEntry] `key:"keys"`
	// What may be spent. Every budget that a request touches must have room for its worst case before it is sent.
	Budgets list[budgetEntry] `key:"budgets"`
	// How fast requests may come, and how many may be under way. Every limit that a request touches must have room for it.
	Limits list[limitEntry] `key:"limits"`
	// Which model serves which request: read top to bottom, and the first match decides. The last one must match everything.
	Routes list[routeEntry] `key:"routes" need:"yes"`
	// The model that `auto` means when no route says otherwise.
	Default text `key:"default" need:"yes" names:"model" like:"standard"`
	// When conversations move to a cheaper model.
	Conversations *conversationsEntry `key:"conversations"`
	// What may be answered from earlier answers. Without it, nothing is cached.
	Cache *cacheEntry `key:"cache"`
	// How far long prompts are trimmed. Without it, nothing is.
	Trim *trimEntry `key:"trim"`
	// How long answers may get.
	Output *outputEntry `key:"output"`
	// Whom to tell when budgets reach thresholds, are spent, or spend is out of all proportion.
	Events *eventsEntry `key:"events"`
}

// A place that requests can go to.
type providerEntry struct {
	At place

	// The API that the provider speaks. This version speaks `openai` (OpenAI itself, Azure's v1 API, Ollama, vLLM, llama.cpp and most others),
	// `azure` (Azure OpenAI: deployments, or its v1 API if base_url ends with /openai/v1), `responses` (OpenAI's Responses API, at the same base_url), `anthropic`, `gemini` (AI Studio and Vertex AI) and `bedrock` (Converse).
	Dialect choice `key:"dialect" need:"yes" one:"openai responses anthropic gemini bedrock azure"`
	// Root of the API, with its version if it has one in the path.
	BaseURL text `key:"base_url" need:"yes" like:"https://api.openai.com/v1"`
	// Name of the environment variable that holds the provider's key. Keys themselves never stand in this file. Without it,
	// requests are sent without a key. If the variable is not set, the provider's targets are not used.
	KeyEnv text `key:"key_env" like:"OPENAI_API_KEY"`
	// A file that holds the key, such as a mounted secret; it is read again when it changes. For Google Cloud it may hold a service account's JSON, for
	// Bedrock `ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]`, a credentials file, or a credential process's JSON.
	KeyFile text `key:"key_file" like:"/run/secrets/openai"`
	// Several keys, in place of key_env and key_file: requests are spread over them, each conversation staying with one. A key that meets a limit
	// or is refused rests for a while, and another takes its place at once.
	Keys list[credentialEntry] `key:"keys"`
	// The region that Amazon's signatures are for, where the host does not tell.
	Region text `key:"region" like:"eu-central-1"`
	// Value of the `api-version` query parameter, for gateways that want one.
	APIVersion text `key:"api_version" like:"2025-04-01-preview"`
	// The field that the output cap is sent in. A cap that the client sends in the other one is renamed.
	MaxTokensField choice `key:"max_tokens_field" one:"max_tokens max_completion_tokens" usual:"max_completion_tokens for api.openai.com and *.openai.azure.com, else max_tokens"`
	// Bounds on the phases of a call.
	Timeouts *timeoutsEntry `key:"timeouts"`
	// Further attempts on the same target, made only before the first byte of an answer.
	Retries whole `key:"retries" least:"0" most:"5" usual:"1"`
	// How many calls may be under way to one of its targets at once. Those beyond go to the model's next target, or wait up to five seconds where there is none.
	MaxConcurrent whole `key:"max_concurrent" least:"1" most:"100000" usual:"no bound"`
	// How the provider's chat completions differ from OpenAI's.
	Quirks *quirksEntry `key:"quirks"`
	// What happens to members of a request that the provider's dialect has nothing for: `reject` refuses it, naming them; `drop` leaves them out, and names
	// them in the answer's `x-bursar-dropped` header.
	Unsupported choice `key:"unsupported" one:"reject drop" usual:"reject"`
	// Whether beginnings of prompts are marked for the provider to keep in its cache, where the dialect wants that (`anthropic`, `bedrock`). `auto` marks those whose
	// like have come again often enough, so that reading them saves more than writing them costs. Requests that mark something themselves are left as they are.
	PromptCache choice `key:"prompt_cache" one:"auto off" usual:"auto"`
}

// How a vendor's chat completions differ from OpenAI's.
type quirksEntry struct {
	At place

	// Members of a request that the vendor has under other names.
	Rename table[text] `key:"rename" each:"member" like:"{ reasoning_effort: thinking_level }"`
	// Members that the vendor has nothing for, though OpenAI has; those within others by a path. `unsupported` says what becomes of such requests.
	Unsupported words `key:"unsupported" like:"[seed, tools.function.strict]"`
	// The member of messages that holds the reasoning of earlier answers; `none` if the vendor refuses any.
	Reasoning text `key:"reasoning_field" usual:"reasoning_content" like:"reasoning"`
}

// One key of a provider. Give either key_env or key_file.
type credentialEntry struct {
	At place

	// Name of the environment variable that holds the key.
	KeyEnv text `key:"key_env" like:"OPENAI_API_KEY_2"`
	// A file that holds the key.
	KeyFile text `key:"key_file" like:"/run/secrets/openai-2"`
	// Its share of the requests, beside the weights of the others.
	Weight whole `key:"weight" least:"1" most:"1000" usual:"1"`
	// The team whose own key it is: its requests are sent with its own keys alone, and nobody else's with them.
	Team text `key:"team" names:"team" usual:"all teams that have no key of their own" like:"search"`
}

// Bounds on the phases of one call to a provider.
type timeoutsEntry struct {
	At place

	// Until the connection stands, TLS included.
	Connect span `key:"connect" usual:"5s"`
	// From the end of the request to the first byte of a stream. Models that reason are silent for long. A plain answer begins
	// only when all of it is generated, so `total` bounds it.
	FirstByte span `key:"first_byte" usual:"2m"`
	// Between two bytes of an answer.
	Idle span `key:"idle" usual:"1m"`
	// The whole call.
	Total span `key:"total" usual:"10m"`
}

// A name that clients may ask for.
type modelEntry struct {
	At place

	// Targets as provider/model, tried left to right: the first one that can serve does.
	Use words `key:"use" need:"yes" names:"target" like:"[local/qwen3-8b, openai/gpt-5-mini]"`
	// No request to this model gets a longer answer, in tokens.
	MaxOutputTokens whole `key:"max_output_tokens" least:"1"`
	// Whether a request that a target's content filter objects to may go on to the next target, whose filter may judge otherwise. One that is too long for a
	// target's context always goes on to a later one with a longer context.
	FallbackOnFilter toggle `key:"fallback_on_content_filter" usual:"false"`
}

// Prices beyond those built into the program. All are in US dollars per million tokens.
type pricesEntry struct {
	At place

	// What to do with a target whose price is not known: `deny` never uses it, `assume` counts it at `assume_usd`.
	Unknown choice `key:"unknown" one:"deny assume" usual:"deny"`
	// What a target without a known price is counted at.
	AssumeUSD *ratesEntry `key:"assume_usd"`
	// What to do with requests whose provider is to search the web, look at maps or run code by itself: it bills that by the call, beside the tokens. `deny`
	// refuses them, `allow` lets them pass; what those calls cost is then in no budget and no statement.
	PerCallTools choice `key:"per_call_tools" one:"deny allow" usual:"deny"`
	// Prices by provider/model, for your own hardware and your own contracts. They go before the built-in ones.
	Overrides table[ratesEntry] `key:"overrides" names:"target" each:"provider/model"`
	// What was agreed with providers, and from when until when: a discount on the list price, or rates of your own. Of a target's
	// own contract and its provider's, the target's holds; of several at a time, the last one in the file. Targets under
	// `overrides` have no contract: those prices are what is paid.
	Contracts list[contractEntry] `key:"contracts"`
}

// What was agreed with a provider for some time. Give either a discount, or rates.
type contractEntry struct {
	At place

	// The provider, or the target as provider/model. Rates need a target.
	For text `key:"for" need:"yes" names:"provider or target" like:"openai"`
	// What is taken off the list price, fees, tiers, service tiers and regions included: at most 99%.
	Discount share `key:"discount" like:"15%"`
	// Prompt tokens, in US dollars per million, as all rates are.
	Input rate `key:"input" like:"1.25"`
	// Answer tokens.
	Output rate `key:"output" like:"10"`
	// Prompt tokens that the provider reads from its own cache.
	CacheRead rate `key:"cache_read" usual:"input"`
	// Prompt tokens that the provider writes to its own cache.
	CacheWrite rate `key:"cache_write" usual:"input"`
	// Answer tokens spent on reasoning.
	Reasoning rate `key:"reasoning" usual:"output"`
	// Dollars per request, whatever its length.
	PerRequest dollars `key:"per_request" usual:"0"`
	// The first moment: a day, which begins in the policy's time zone, or a time.
	From date `key:"from" usual:"always" like:"2026-07-01"`
	// The moment that it ends at.
	Until date `key:"until" usual:"never" like:"2027-07-01"`
}

// A price in US dollars per million tokens.
type ratesEntry struct {
	At place

	// Prompt tokens.
	Input rate `key:"input" need:"yes" like:"1.25"`
	// Answer tokens. If only this one is 0, they are counted at the price of the input.
	Output rate `key:"output" need:"yes" like:"10"`
	// Prompt tokens that the provider reads from its own cache.
	CacheRead rate `key:"cache_read" usual:"input"`
	// Prompt tokens that the provider writes to its own cache.
	CacheWrite rate `key:"cache_write" usual:"input"`
	// Answer tokens spent on reasoning.
	Reasoning rate `key:"reasoning" usual:"output"`
	// Dollars per request, whatever its length.
	PerRequest dollars `key:"per_request" usual:"0"`
}

// Who pays for requests.
type teamEntry struct {
	At place

	// Whom to ask about this team's spend.
	Owner text `key:"owner" like:"search-team@example.com"`
	// Where finance books it.
	CostCenter text `key:"cost_center" like:"CC-1042"`
}

// A key, by its digest. `bursar keys hash` makes such a row from a key, and `bursar keys add -yaml` a key with its row.
type keyEntry struct {
	At place

	// SHA-256 of the whole key, in hexadecimal digits. The key itself never stands in this file.
	SHA256 text `key:"sha256" need:"yes"`
	// The team that pays.
	Team text `key:"team" need:"yes" names:"team" like:"search"`
	// The project that its requests are booked to.
	Project text `key:"project" like:"checkout"`
	// The end user of its requests. Without it, each request may name its own.
	User text `key:"user" like:"alice"`
	// What its owner calls it.
	Name text `key:"name" like:"nightly batch"`
	// The models that it may use: models of the policy, and targets as provider/model, in which * stands for any text.
	Models words `key:"models" names:"model" usual:"all" like:"[cheap, openai/*]"`
	// The routes that it may use. Such a key cannot pin.
	Routes words `key:"routes" names:"route" usual:"all"`
	// Tags that all its requests carry, whatever they say themselves.
	Tags table[text] `key:"tags" each:"tag name" like:"{ feature: summaries }"`
	// Whether it may pin a model with `x-bursar-pin`.
	Pin toggle `key:"pin" usual:"true"`
	// When it ends: a day, which begins in the policy's time zone, or a time.
	Expires date `key:"expires" usual:"never" like:"2027-01-01"`
	// The id that it goes by in budgets and statements. Keep the old one when the secret is replaced.
	ID text `key:"id" usual:"k- and the first 12 digits of sha256" like:"k-0f3c9a5be210"`
}

// Whom a budget or a limit bounds. A request must meet all keys that stand.
type scopeEntry struct {
	// Bounds all requests of the organisation together.
	Everyone toggle `key:"everyone"`
	// Bounds one team, or `each` of them by itself.
	Team text `key:"team" names:"team or each" like:"search"`
	// Bounds one project, or `each` of them by itself.
	Project text `key:"project" like:"checkout"`
	// Bounds one key by its public id, or `each` of them by itself.
	Key text `key:"key" like:"each"`
	// Bounds one end user, or `each` of them by itself.
	User text `key:"user" like:"each"`
	// Bounds what one model of the policy, or one provider/model, spends. Requests that ask for a provider/model by that name are
	// not part of a model that lists it: bound them by a budget of their own.
	Model text `key:"model" names:"model" like:"premium"`
	// Bounds the requests that carry this tag: one name and one value of an `x-bursar-tag-NAME: VALUE` header.
	Tag table[text] `key:"tag" each:"tag name" like:"{ feature: summaries }"`
}

// What a scope may spend in a period. Give exactly one period and at least one of everyone, team, project, key, user, model and
// tag; with several, a request must meet all of them. Windows follow the calendar of `timezone`. Editing a limit never
// resets what is spent.
type budgetEntry struct {
	At     place
	Strays int // keys that are not known

	// Name in messages, metrics and statements.
	Name text `key:"name" usual:"scope and period, as in team=search/monthly"`
	scopeEntry

	// Limit per day, in US dollars.
	DailyUSD dollars `key:"daily_usd" like:"50"`
	// Limit per week, Monday to Sunday, in US dollars.
	WeeklyUSD dollars `key:"weekly_usd" like:"250"`
	// Limit per calendar month, in US dollars.
	MonthlyUSD dollars `key:"monthly_usd" like:"1000"`
	// Limit per quarter, from January, April, July and October, in US dollars.
	QuarterlyUSD dollars `key:"quarterly_usd" like:"3000"`
	// Limit per calendar year, in US dollars.
	YearlyUSD dollars `key:"yearly_usd" like:"12000"`
	// Limit that never renews, in US dollars.
	TotalUSD dollars `key:"total_usd" like:"500"`
	// Higher limits for a while.
	Raises list[raiseEntry] `key:"raises"`
	// Used shares to warn at.
	WarnAt list[share] `key:"warn_at" like:"[50%, 80%]"`
	// What happens when there is no room: `block` refuses with a 429, `downgrade` sends requests to `downgrade_to`, `warn`
	// lets them pass and warns, `observe` only counts.
	WhenSpent choice `key:"when_spent" one:"block downgrade warn observe" usual:"block"`
	// The model that serves while the budget is spent.
	DowngradeTo text `key:"downgrade_to" names:"model" like:"cheap"`
	// What happens while the budget store does not answer: `deny` refuses as soon as what this gateway holds in advance is spent. `local` goes on
	// until this gateway has spent `local_usd` more; all of it is charged when the store is back. A request goes on if all its budgets do.
	OnStoreDown choice `key:"on_store_down" one:"deny local" usual:"deny"`
	// What each gateway may spend of the window while the store does not answer, in US dollars. All gateways together can exceed the
	// limit by no more than this, times their number.
	LocalUSD dollars `key:"local_usd" like:"5"`
	// `observe` logs what the budget would do and changes nothing.
	Mode choice `key:"mode" one:"enforce observe" usual:"enforce"`
}

// A higher limit for a while: what is spent stays spent when it ends. Give one of to_usd and by_usd. Where several hold, the highest to_usd
// counts, and each by_usd is added to it.
type raiseEntry struct {
	At     place
	Strays int // keys that are not known

	// The limit instead, in US dollars.
	ToUSD dollars `key:"to_usd" like:"6000"`
	// What is added to the limit, in US dollars.
	ByUSD dollars `key:"by_usd" like:"500"`
	// The first day of it in the policy's time zone, or the time that it begins at.
	From date `key:"from" usual:"it holds already" like:"2026-11-20"`
	// The last day of it, which it holds to the end of, or the time that it ends at.
	Until date `key:"until" need:"yes" like:"2026-11-30"`
	// Who reads the budget will ask. It is shown where the limit is.
	Why text `key:"why" need:"yes" like:"launch week"`
}

// How fast the requests of a scope may come, and how many may be under way. Give at least one of everyone, team, project, key, user, model
// and tag; with several, a request must meet all of them. All limits and budgets of a request are checked in one step: it takes all
// of them or none. A minute is a sliding one: in no 60 seconds, wherever they begin, does more pass. What has no room is refused
// with a 429 that says when to come again. Cached answers count nothing.
type limitEntry struct {
	At     place
	Strays int // keys that are not known

	// Name in messages and metrics.
	Name text `key:"name" usual:"the scope, as in team=search"`

	scopeEntry

	// Requests per minute. One counts once it is let through, whatever becomes of it; one that is refused does not.
	RequestsPerMinute whole `key:"requests_per_minute" least:"1" like:"600"`
	// Tokens per minute, of prompts and answers. A request counts with its worst case at first, and with its true usage when it has
	// ended. An answer that could never fit gets a lower cap.
	TokensPerMinute whole `key:"tokens_per_minute" least:"1" like:"200000"`
	// Requests under way at a time.
	Concurrent whole `key:"concurrent" least:"1" like:"40"`
	// What happens while the budget store does not answer: `deny` refuses, `local` goes on with what each gateway counts by itself.
	OnStoreDown choice `key:"on_store_down" one:"deny local" usual:"deny"`
	// `observe` logs what the limit would do and changes nothing.
	Mode choice `key:"mode" one:"enforce observe" usual:"enforce"`
}

// One rule of the table.
type routeEntry struct {
	At place

	// Name in logs, metrics, headers and `bursar explain`.
	Name text `key:"name" need:"yes" like:"short questions go cheap"`
	// What a request must meet, all of it. Without it the route matches everything.
	When *whenEntry `key:"when"`
	// The model that serves, or `asked`: what the client named and, for `auto`, the default.
	To text `key:"to" need:"yes" names:"model or asked" like:"cheap"`
	// The cheap model answers first, its answer is checked, and one that fails goes to a better model. See docs/routing.md.
	Escalate *escalateEntry `key:"escalate"`
	// What the cache may do for these requests: `on` looks up and stores, `refresh` only stores, `read` only looks up.
	Cache choice `key:"cache" one:"on off refresh read" usual:"on if the policy caches"`
	// How long answers to these requests may be given again.
	CacheTTL span `key:"cache_ttl" usual:"the ttl of cache.exact" like:"10m"`
	// Shorter texts for system prompts of these requests, each read and approved by a person. `bursar squeeze` proposes them.
	Squeeze list[squeezeEntry] `key:"squeeze"`
	// End a streamed answer that only repeats itself: once its tail is one piece of at most 4,096 bytes that has come so many times in a row, over at least
	// 2,048 bytes. Its last chunk has the finish reason `length`, and says `"bursar":{"ended":"repetition"}`.
	StopRepetitionAfter whole `key:"stop_repetition_after" least:"10" most:"100000" usual:"never" like:"30"`
	// `observe` logs what the route would do and changes nothing.
	Mode choice `key:"mode" one:"enforce observe" usual:"enforce"`
}

// A text that goes out in the place of a system prompt which is exactly the one that the digest is of: a prompt that was changed since it was read goes out as it
// is. What is marked for a cache by the client or is made of several parts is never replaced.
type squeezeEntry struct {
	At place

	// SHA-256 of the system prompt's text as the application sends it, in hexadecimal digits.
	SHA256 text `key:"sha256" need:"yes"`
	// The text instead.
	To prose `key:"to" need:"yes"`
	// Who has read both, and when.
	Reviewed text `key:"reviewed" need:"yes" like:"ann@example.com, 2026-11-20"`
}

// What a request must meet. Comparisons are written "< 1500", ">= 0.7", "1000..2000" (both ends included) or as the number
// itself. Where several names are allowed, one of them must be the request's.
type whenEntry struct {
	At     place
	Strays int // keys that are not known

	// What the client asked for: `auto`, a model of the policy, or provider/model.
	Model words `key:"model" names:"model or auto" like:"auto"`
	// The team that pays.
	Team words `key:"team" names:"team" like:"[search, support]"`
	// The project of the key.
	Project words `key:"project" like:"checkout"`
	// The public id of the key.
	Key words `key:"key" like:"k7f3a2"`
	// The end user.
	User words `key:"user" like:"alice"`
	// Tags of the request, by name; each must have one of its values.
	Tags table[words] `key:"tags" each:"tag name" like:"{ feature: [summaries, titles] }"`
	// Tokens of the prompt as counted on arrival.
	PromptTokens comparison `key:"prompt_tokens" unit:"count" like:"< 1500"`
	// Output cap that the client asked for, in tokens. It matches only if the client asked for one.
	MaxOutput comparison `key:"max_output" unit:"count" like:"<= 500"`
	// How hard the prompt looks, from 0 to 1. It matches only if some signal spoke: silence is not simplicity.
	Complexity comparison `key:"complexity" unit:"score" like:">= 0.7"`
	// Whether the request offers tools.
	Tools toggle `key:"tools"`
	// Whether the answer is streamed.
	Stream toggle `key:"stream"`
	// Images in the messages: a comparison of their number, or whether there are any.
	Images comparison `key:"images" unit:"count or flag" like:"true"`
	// User messages in the conversation.
	Turns comparison `key:"turns" unit:"count" like:"> 6"`
	// Used share of the fullest budget that the request touches.
	BudgetUsed comparison `key:"budget_used" unit:"share" like:">= 80%"`
	// Hours of the day in the policy's time zone, from the first up to but without the last. `22-6` goes over midnight.
	Hour hours `key:"hour" like:"9-17"`
}

// How an answer is checked, and where one goes that fails. Both calls are paid, each is held for before it is made, and both are in the row of the
// request. Requests that the client has pinned are not checked.
type escalateEntry struct {
	At place

	// The model that answers instead.
	To text `key:"to" need:"yes" names:"model" like:"premium"`
	// The checks that keep a cheap answer: `valid_schema` (tool calls and JSON fit their schema), `complete` (not cut off),
	// `not_refused`, `not_empty`, `not_repetitive` (it does not end in a loop).
	Unless list[choice] `key:"unless" need:"yes" one:"valid_schema complete not_refused not_empty not_repetitive" like:"[valid_schema, complete, not_refused]"`
	// A second cheap model, asked at the same time. An answer is kept only if both say the same, or if nobody but a reader could tell.
	AgreeWith text `key:"agree_with" names:"model" usual:"no second model is asked" like:"spare"`
	// What becomes of an answer that failed while nobody else can answer, for want of money or of a provider: `serve` gives it all the
	// same, and says so in a header; `refuse` answers with the error.
	Otherwise choice `key:"otherwise" one:"serve refuse" usual:"serve"`
	// Streams: `buffer` holds them back until they are checked, or until buffer_bytes have come; `pass` passes them on unchecked.
	Streams choice `key:"streams" one:"buffer pass" usual:"buffer"`
	// How much of a stream is held back, in bytes as the provider sends it. A longer one is checked by its beginning, and flows on.
	BufferBytes whole `key:"buffer_bytes" least:"1024" most:"1000000" usual:"65536"`
	// The cheap model serves a team's requests only once it is certified that so much of the other model's quality is kept. Until then, and when
	// drift or age has taken the certificate back, `to` serves.
	Quality share `key:"quality" usual:"no certificate is needed" like:"98%"`
	// How sure a certificate must be.
	Confidence share `key:"confidence" usual:"95%"`
	// How long a certificate holds. It is renewed by the samples that come meanwhile.
	Valid span `key:"valid" usual:"30d"`
	// Share of the route's requests that both models answer, after the client has its answer, to certify the quality and to watch it: 1 to 5 %.
	// These calls are paid by the budgets of the request's team, and carry the tag `bursar-aside` with the value `shadow:ROUTE`.
	Shadow share `key:"shadow" usual:"none" like:"2%"`
	// What these calls may cost a day, over all teams, in US dollars.
	ShadowDailyUSD dollars `key:"shadow_daily_usd" usual:"what the budgets of the teams allow" like:"5"`
}

// When conversations move to a cheaper model.
type conversationsEntry struct {
	At place

	// Which routes take a conversation that asks for `auto` from the model that served its last turn to a cheaper one, which has nothing of it in its
	// provider's cache: `budget` those with a condition on budget_used, where that saves more than it loses; `saves` all, where it does; `always`
	// all, whatever it costs; `never` none. To a dearer model conversations always move.
	MoveDown choice `key:"move_down" one:"budget saves always never" usual:"budget"`
	// Over how many turns a move has to pay, the one that moves included.
	TurnsAhead whole `key:"turns_ahead" least:"1" most:"100" usual:"5"`
}

// What may be answered from earlier answers.
type cacheEntry struct {
	At place

	// Who shares answers. An answer never leaves its scope.
	Scope choice `key:"scope" one:"key team everyone" usual:"team"`
	// Sets answers apart within their scope: a change of it leaves all earlier answers behind. Clients set theirs apart within it by an
	// `x-bursar-cache-namespace` header.
	Namespace text `key:"namespace" like:"prompts-2026-11"`
	// Answers to requests that mean exactly the same.
	Exact *exactEntry `key:"exact"`
	// Answers to questions that mean the same, asked in an equal context. See docs/semantic-cache.md.
	Semantic *semanticEntry `key:"semantic"`
}

// Answers to requests that mean exactly the same.
type exactEntry struct {
	At place

	// How long an answer may be given again.
	TTL span `key:"ttl" need:"yes" like:"24h"`
	// How long after that it may still be given, while one request behind it fetches a new one. That request is a row of its own in the
	// ledger, with the key and on the budgets of the request that found the answer stale.
	StaleWhileRevalidate span `key:"stale_while_revalidate" usual:"not at all" like:"1h"`
	// How long a request waits for the answer to an equal one that is under way, on any gateway of the fleet, before it is sent itself.
	Wait span `key:"wait" usual:"2m" like:"30s"`
}

// Answers to requests that mean nearly the same.
type semanticEntry struct {
	At place

	// Bound on the share of hits that are wrong. A context serves by what it has learned once its labels show that it keeps the bound.
	MaxFalseHits share `key:"max_false_hits" need:"yes" like:"1%"`
	// How long an answer may be given again. It is not given longer than the exact cache keeps it.
	TTL span `key:"ttl" need:"yes" like:"6h"`
	// Who shares answers.
	Scope choice `key:"scope" one:"key team everyone" usual:"the scope of cache"`
	// Asks an embeddings API how alike two questions are, where the verifier leaves it open whether they mean the same. How much its word counts is
	// learned from what comes of it.
	SecondOpinion *opinionEntry `key:"second_opinion"`
}

// An embedder that is asked for its opinion of two questions.
type opinionEntry struct {
	At place

	// The embedding model, as provider/model. Its provider must speak OpenAI's API.
	Embedder text `key:"embedder" need:"yes" like:"openai/text-embedding-3-small"`
	// Coordinates of its vectors.
	Dims whole `key:"dims" least:"1" most:"8192" usual:"the model's own"`
	// How long a request waits for it, 60ms at most. An opinion that comes later is kept for the next time.
	Deadline span `key:"deadline" usual:"60ms" like:"40ms"`
}

// How far long prompts are trimmed. Whole turns go, oldest first; the system message and the last user message stay.
type trimEntry struct {
	At place

	// Drop oldest turns until the prompt has no more tokens than this.
	MaxPromptTokens whole `key:"max_prompt_tokens" least:"1" usual:"no limit"`
	// Never drop these.
	KeepLastTurns whole `key:"keep_last_turns" least:"1" most:"1000000" usual:"1"`
	// Have a model sum up what is dropped, and leave its summary in the place of it.
	Summary *summaryEntry `key:"summary"`
	// Drop turns also where that costs more than it saves: at providers that read their prompt cache for next to nothing. Without it, prompts to those
	// are only cut to their context window.
	EvenIfDearer toggle `key:"even_if_dearer" usual:"false"`
	// Compact the JSON in tool results. Nothing but white space is lost.
	MinifyToolResults toggle `key:"minify_tool_results" usual:"false"`
	// Take colours, white space at the ends of lines and runs of empty lines out of tool results that are no JSON.
	TidyToolResults toggle `key:"tidy_tool_results" usual:"false"`
	// Put a note in the place of a tool result that repeats an earlier one of the prompt byte for byte.
	DedupeToolResults toggle `key:"dedupe_tool_results" usual:"false"`
	// Put the text of a page, with the addresses of its links, in the place of tool results that are pages of HTML. The model no longer sees the markup.
	StripHTML toggle `key:"strip_html_tool_results" usual:"false"`
	// Put a note with length and digest in the place of base64 in tool results, where a run of it has at least so many bytes. The model no longer sees it.
	ElideBase64 whole `key:"elide_base64_bytes" least:"256" usual:"never" like:"4096"`
}

// Who sums up the turns that are dropped. Each summary is a call of its own: it is held and booked on the key and the budgets of the request, is made
// once for each cut of a conversation, and is made only where what it leaves out saves more than it costs within a hundred calls. If none comes, the turns
// are dropped without one.
type summaryEntry struct {
	At place

	// The model that sums up: a cheap one.
	Model text `key:"model" need:"yes" names:"model" like:"cheap"`
	// The longest summary, in tokens.
	MaxTokens whole `key:"max_tokens" least:"50" most:"8000" usual:"400"`
}

// How long answers may get, in tokens.
type outputEntry struct {
	At place

	// Cap of a request that asks for none.
	DefaultMaxTokens whole `key:"default_max_tokens" least:"1" usual:"4096, or max_tokens if that is less"`
	// The shortest answer worth having. Where a budget has no room for the whole cap, the cap is lowered, but not below this: then a
	// cheaper model is tried, or the request is refused.
	LeastUsefulTokens whole `key:"least_useful_tokens" least:"1" usual:"64"`
	// No request gets more.
	MaxTokens whole `key:"max_tokens" least:"1" usual:"no limit"`
	// How much is kept free for an answer where room is scarce. `worst`: for the whole cap, always. `p99`: for what 99 in 100 answers of the same route and
	// target have not exceeded, once 299 of them were seen. A budget that has no room for the whole cap then grants no more than that, and lowers the cap to it,
	// so that others find room too; it is never overspent. A limit of tokens per minute counts no more than that at first, and may be passed by the hundredth answer.
	Hold choice `key:"hold" one:"worst p99" usual:"worst"`
}

// Whom to tell of what happens to the money.
type eventsEntry struct {
	At place

	// When spend is out of all proportion to a team's or a key's own history.
	Anomaly *anomalyEntry `key:"anomaly"`
	// Where events are sent to.
	Webhooks list[webhookEntry] `key:"webhooks"`
}

// When the spend of an hour is out of all proportion: when it is above all of `least_usd`, `times` the usual, and the usual as many
// times as that is above the median. The usual is what only one in twenty of the busy hours of the last two weeks exceeded.
type anomalyEntry struct {
	At place

	// How many times the usual.
	Times whole `key:"times" least:"2" most:"1000" usual:"3"`
	// Hours below it, in US dollars, are never told of.
	LeastUSD dollars `key:"least_usd" usual:"5"`
}

// A place that events are sent to, by HTTP POST.
type webhookEntry struct {
	At place

	// Name in logs and metrics.
	Name text `key:"name" need:"yes" like:"finance"`
	// Name of the environment variable that holds the address. The address of a webhook is a secret itself. If the variable is not
	// set, nothing is sent.
	URLEnv text `key:"url_env" need:"yes" like:"FINANCE_WEBHOOK"`
	// Name of the environment variable that holds the secret which deliveries are signed with. Without it, they are not.
	SecretEnv text `key:"secret_env" like:"FINANCE_WEBHOOK_SECRET"`
	// `json` is described in docs/events.md; `slack` is what Slack, Mattermost and others take.
	Format choice `key:"format" one:"json slack" usual:"json"`
	// What is sent.
	Kinds list[choice] `key:"kinds" one:"budget-threshold budget-spent anomaly" usual:"all"`
	// Only events of these teams are sent. What belongs to no single team is not, then.
	Teams words `key:"teams" names:"team" usual:"all events" like:"[search, support]"`
}
