// Package pricing turns token counts into exact money, by dated prices that are embedded in the program.
// It is separate because money has no float and no clock of its own: every function here is pure.
package pricing

// Nano is an amount of money in nano-dollars (1e-9 USD). int64 holds 9.2 billion dollars.
type Nano int64

// Pico is a rate in pico-dollars (1e-12 USD) per unit, mostly per token. One dollar per million tokens is 1_000_000 Pico.
type Pico int64

// Dollar is one US dollar.
const Dollar Nano = 1_000_000_000
