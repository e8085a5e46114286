package simulate

// What is said in the simulated traffic. All of it was written for this demo.

var products = []string{
	"the two-person tent", "a rain jacket for cycling", "the 40-litre backpack", "trail shoes for wide feet", "a stove for winter",
	"the inflatable mattress", "a headlamp with red light", "gaiters for deep snow", "the travel towel", "a water filter",
}

var openings = []string{
	"Hi! What is %s made of?", "Is %s good for a week in Norway in October?", "Which size of %s should I take if I am 1.83 m tall?",
	"Compare %s with last year's model: weight, price and warranty, and explain why the difference matters on a long tour.",
	"Can I return %s after using it once?", "Do you have %s in green?",
}

var followUps = []string{
	"And how heavy is it exactly?", "yes", "Is there a cheaper one that does the same?", "What do other customers say about it?",
	"Would you take it on a two-week trip with a child, or is there a reason not to?", "ok, thanks", "How do I wash it?",
	"Does it come with a repair kit?",
}

var codingTasks = []string{
	"The test of %s fails on Mondays only. Find out why, prove it with a failing case, and fix it without changing the public API.",
	"Refactor %s so that errors say what failed and what to do. First show me the three worst messages.",
	"What does %s do? Answer in one paragraph.",
	"Add a bounded retry with full jitter to %s, exactly once per request, and never after the first byte was sent.",
	"Rename the exported type in %s and update its callers.",
	"Design an index for %s that keeps lookups below 100 µs at a million entries; compare at least two structures and derive their memory.",
}

var codingFollowUps = []string{
	"go on", "Now add a table test for the edge cases.", "Why did you choose a mutex here and not a channel?", "yes, do that",
	"Run the tests and fix what breaks.", "Explain the race that you have just fixed step by step.",
}

var sources = []string{"billing/invoice", "auth/session", "queue/worker", "search/index", "cache/store", "export/csv", "mail/render", "jobs/retry"}

// questions are groups of one meaning: the usual wording first, then others.
var questions = [][]string{
	{"Where is my order?", "Can you tell me where my parcel is?", "My order has not arrived, where is it?"},
	{"How do I return an item?", "What do I do to send something back?", "I want to return what I bought, how does it work?"},
	{"How long does shipping take?", "When will my order get here?", "What are your delivery times?"},
	{"Can I change my delivery address?", "I moved, how do I update the address of my order?", "Please let me change where it is sent"},
	{"How do I reset my password?", "I forgot my password", "I cannot log in, how do I set a new password?"},
	{"Do you ship to Switzerland?", "Is delivery to Switzerland possible?", "Can I order from Zurich?"},
	{"How do I cancel my order?", "I want to cancel what I just ordered", "Please stop my order, how?"},
	{"When do I get my refund?", "My money is not back yet, when does the refund arrive?", "How long do refunds take?"},
	{"Is my card charged at once?", "When do you take the money from my card?", "Do I pay now or on delivery of the goods?"},
	{"Can I talk to a person?", "Please connect me to an agent", "I do not want to talk to a bot"},
}

var reportLines = []string{
	"The northern region closed the quarter four percent above plan, mostly on accessories.",
	"Two suppliers announced longer lead times, which will move the spring collection by about ten days.",
	"Returns fell after the size guide was rewritten; the effect was strongest for shoes.",
	"The new warehouse handled its first full week without overtime.",
	"A survey of 412 customers named delivery time as the main reason to buy elsewhere.",
	"Energy costs rose again, and the insulation of the older hall is now under review.",
	"The pilot with paper packaging saved three tonnes of plastic but damaged more fragile goods.",
	"Hiring for the service team is complete; training ends in the second week of the month.",
	"Advertising was cut by a tenth without a visible effect on first orders.",
	"The finance team asks for one number per cost centre and fewer footnotes.",
	"An audit found two duplicate invoices, both already corrected.",
	"The mobile page loads in half the time, and abandoned baskets fell by a sixth.",
	"A competitor lowered the price of its entry tent, which we did not follow.",
	"The board will decide in June whether to open a second store in the south.",
}

var queries = []string{
	"tent 2 person light", "waterproof jacket men", "kids backpack school", "hiking shoes wide", "gas stove", "sleeping bag winter -10",
	"gift voucher", "socks merino", "trekking poles carbon", "rain cover backpack 40l", "headlamp red light", "dry bag 20 litre",
	"camping chair foldable", "water filter travel", "gloves touchscreen", "thermos 1l", "first aid kit small", "cheap tent",
	"jacket without hood", "shoes size 46", "map holder", "mosquito net double", "bike bag waterproof", "solar charger hiking",
}

// remarks are what the simulated models answer with.
var remarks = []string{
	"That depends on how you mean to use it, so here is the short version first.",
	"The order page shows the current state, and a message is sent as soon as it changes.",
	"Both models share the same fabric; the newer one is lighter by about a tenth.",
	"The failing case appears when the list is empty, because the loop then never sets the total.",
	"You can send it back within thirty days as long as the label is still on it.",
	"I would take the larger size, since the cut is narrow at the shoulders.",
	"The change is small: one guard before the loop, and one test that fails without it.",
	"In short: sales rose, returns fell, and the spring collection comes ten days later than planned.",
	"A refund usually arrives within five working days of the return being scanned.",
	"It is windproof and quick to dry, but not made for a whole day of heavy rain.",
	"Three points stand out, and the second one matters most for your question.",
	"The address can be changed until the parcel has left the warehouse.",
	"Wash it by hand in cold water and let it dry in the shade.",
	"The lock is held only while the map is read, so the slow call no longer blocks the others.",
}
