package tokens

type toolFrame struct {
	style                                                                        toolStyle
	first, each, description, firstProperty, property, propertyDescription, enum int64
}
type toolStyle uint8

const (
	asNamespace toolStyle = iota
	asOutline
	asJSON
)
