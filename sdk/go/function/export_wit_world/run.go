// Package export_wit_world is what the step exports: a function here for each one that the world in wit/step.wit exports. The bindings, in
// build/gen, call it by this name.
package export_wit_world

import (
	"fmt"
	"os"

	"go.bytecodealliance.org/pkg/wit/types"

	"example.com/{{name}}/build/gen/airtight_step_log"
	"example.com/{{name}}/build/gen/airtight_step_report"
	"example.com/{{name}}/build/gen/wit_world"
	"example.com/{{name}}/find"
)

// Run is `run: func(path: string, marker: option<string>) -> result<summary, string>`.
func Run(path string, marker types.Option[string]) types.Result[wit_world.Summary, string] {
	summary, err := run(path, marker.SomeOr("TODO"))
	if err != nil {
		return types.Err[wit_world.Summary](err.Error())
	}
	return types.Ok[wit_world.Summary, string](summary)
}

func run(path, marker string) (wit_world.Summary, error) {
	if marker == "" {
		return wit_world.Summary{}, fmt.Errorf("the marker is empty")
	}
	var lines []byte
	search := find.Search{Marker: []byte(marker), Found: func(file string, line uint32) {
		lines = fmt.Appendf(lines, "%s:%d\n", file, line)
		airtight_step_report.AddFinding(airtight_step_report.Finding{
			Rule:     "marker",
			Severity: airtight_step_report.SeverityWarning,
			Message:  "found " + marker,
			Location: types.Some(airtight_step_report.Location{Path: file, Line: types.Some(line)}),
		})
	}}
	if err := search.Folder(path); err != nil {
		return wit_world.Summary{}, err
	}
	if os.WriteFile("/out/findings.txt", lines, 0o644) != nil {
		return wit_world.Summary{}, fmt.Errorf("cannot write /out/findings.txt")
	}
	message := fmt.Sprintf("%d findings in %d files", search.Findings, search.Files)
	airtight_step_log.Log(airtight_step_log.LevelInfo, message, nil)
	return wit_world.Summary{Files: search.Files, Bytes: search.Bytes, Findings: search.Findings}, nil
}
