// Package find looks for a marker in the files of a folder. It is plain Go and knows nothing of Airtight.
package find

import (
	"bytes"
	"fmt"
	"os"
)

// Search is a search, and what it has seen so far.
type Search struct {
	// Marker is what a line is looked through for.
	Marker []byte
	// Found is called for each line that has the marker.
	Found func(path string, line uint32)

	Files    uint32
	Bytes    uint64
	Findings uint32
}

// Unreadable is the path of something that cannot be read.
type Unreadable string

func (path Unreadable) Error() string { return fmt.Sprintf("cannot read %s", string(path)) }

// Folder searches every regular file below a folder, by name; symbolic links are passed over.
func (s *Search) Folder(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return Unreadable(path)
	}
	for _, entry := range entries {
		inside := path + "/" + entry.Name()
		switch {
		case entry.IsDir():
			err = s.Folder(inside)
		case entry.Type().IsRegular():
			err = s.file(inside)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Search) file(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return Unreadable(path)
	}
	s.Files++
	s.Bytes += uint64(len(content))
	for i, line := range bytes.Split(content, []byte("\n")) {
		if bytes.Contains(line, s.Marker) {
			s.Findings++
			s.Found(path, uint32(i+1))
		}
	}
	return nil
}
