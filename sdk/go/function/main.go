// The step. What it does is in the package export_wit_world; the bindings make the host's calls its own.
package main

import _ "example.com/{{name}}/build/gen/wit_exports"

// main is never called: the host calls the step's functions.
func main() {}
