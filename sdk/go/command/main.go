// The step: a program with arguments, files, standard output and standard error.
package main

import (
	"bufio"
	"fmt"
	"os"

	"example.com/{{name}}/find"
)

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 {
		fmt.Fprintln(os.Stderr, "usage: {{name}} PATH [MARKER]")
		os.Exit(2)
	}
	marker := "TODO"
	if len(os.Args) == 3 {
		marker = os.Args[2]
	}
	if err := run(os.Args[1], marker); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(path, marker string) error {
	if marker == "" {
		return fmt.Errorf("the marker is empty")
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	var lines []byte
	search := find.Search{Marker: []byte(marker), Found: func(file string, line uint32) {
		lines = fmt.Appendf(lines, "%s:%d\n", file, line)
		fmt.Fprintf(out, "%s:%d: found %s\n", file, line, marker)
	}}
	if err := search.Folder(path); err != nil {
		return err
	}
	if os.WriteFile("/out/findings.txt", lines, 0o644) != nil {
		return fmt.Errorf("cannot write /out/findings.txt")
	}
	fmt.Fprintf(out, "{\"files\":%d,\"bytes\":%d,\"findings\":%d}\n", search.Files, search.Bytes, search.Findings)
	return nil
}
