// Package runtime is the memory that bindings of WIT share with the host. It has the part of go.bytecodealliance.org/pkg/wit/runtime that
// steps need.
package runtime

import (
	"runtime"
	"unsafe"
)

// Handle is a resource that the component has or lends. One that was given away is none any more.
type Handle struct{ value int32 }

// MakeHandle returns a handle of a number from the host.
func MakeHandle(value int32) *Handle {
	handle := &Handle{}
	handle.Set(value)
	return handle
}

// Use returns the number of a handle that stays what it is.
func (h *Handle) Use() int32 {
	if h.value == 0 {
		panic("the resource was given away")
	}
	return h.value
}

// Take returns the number of a handle that is given away with it.
func (h *Handle) Take() int32 {
	value := h.Use()
	h.value = 0
	return value
}

// TakeOrNil is Take, with 0 for a handle that was given away before.
func (h *Handle) TakeOrNil() int32 {
	value := h.value
	h.value = 0
	return value
}

// Set makes an empty handle one of a number.
func (h *Handle) Set(value int32) {
	if value == 0 || h.value != 0 {
		panic("the handle is taken, or there is no resource")
	}
	h.value = value
}

// Allocate returns memory that stays where it is until its pinner lets go of it.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	// Words of 8 bytes are aligned for every type of the component model.
	memory := unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	pinner.Pin(memory)
	return memory
}

// The host asks for memory before Go's own allocator has started too: the adapter for WASI preview 1 does, for its stack and its state, on the
// first call of all. That memory is here, and never given back.
var (
	early    [3 << 16]byte
	used     uintptr
	started  bool
	received runtime.Pinner
)

func init() { started = true }

// Unpin lets go of what the host has put into memory for a call.
func Unpin() { received.Unpin() }

//go:wasmexport cabi_realloc
func reallocate(old unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	if old != nil || oldSize != 0 {
		panic("the host does not resize what it has allocated")
	}
	if started {
		return Allocate(&received, size, align)
	}
	start := uintptr(unsafe.Pointer(&early))
	at := (start + used + align - 1) &^ (align - 1)
	used = at - start + size
	if used > uintptr(len(early)) {
		panic("the adapter wants more memory than there is for it")
	}
	return unsafe.Pointer(at)
}
