package pricing

// placeholder for the contract; replaced by the pricing room
type Price struct{}
