package find

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// Each line that has the marker is found once, with its number.
func TestLinesAreFoundOnce(t *testing.T) {
	folder := t.TempDir()
	content := "TODO two\r\nnone TODO TODO\nnothing\nTODO at the end"
	if err := os.WriteFile(filepath.Join(folder, "a.txt"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var lines []uint32
	search := Search{Marker: []byte("TODO"), Found: func(_ string, line uint32) { lines = append(lines, line) }}
	if err := search.Folder(folder); err != nil {
		t.Fatal(err)
	}
	if want := []uint32{1, 2, 4}; !reflect.DeepEqual(lines, want) {
		t.Errorf("lines are %v, not %v", lines, want)
	}
}
