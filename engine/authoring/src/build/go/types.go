// Package types is what options, results and tuples of WIT are in Go. It is the part of go.bytecodealliance.org/pkg/wit/types that
// steps without streams need.
package types

// The tags of an Option.
const (
	OptionNone = 0
	OptionSome = 1
)

// Option is a value or none. The zero Option is none.
type Option[T any] struct {
	value T
	some  bool
}

// Some returns an option with a value.
func Some[T any](value T) Option[T] { return Option[T]{value, true} }

// None returns an option without a value.
func None[T any]() Option[T] { return Option[T]{} }

// IsSome tells whether there is a value.
func (o Option[T]) IsSome() bool { return o.some }

// IsNone tells whether there is no value.
func (o Option[T]) IsNone() bool { return !o.some }

// Tag is OptionSome or OptionNone.
func (o Option[T]) Tag() uint8 {
	if o.some {
		return OptionSome
	}
	return OptionNone
}

// Some returns the value. It panics if there is none.
func (o Option[T]) Some() T {
	if !o.some {
		panic("the option is none")
	}
	return o.value
}

// SomeOr returns the value, or another one if there is none.
func (o Option[T]) SomeOr(other T) T {
	if !o.some {
		return other
	}
	return o.value
}

// The tags of a Result.
const (
	ResultOk  = 0
	ResultErr = 1
)

// Result is what went well or what went wrong. The zero Result went well.
type Result[T any, E any] struct {
	ok     T
	err    E
	failed bool
}

// Ok returns a result that went well.
func Ok[T any, E any](value T) Result[T, E] { return Result[T, E]{ok: value} }

// Err returns a result that went wrong.
func Err[T any, E any](value E) Result[T, E] { return Result[T, E]{err: value, failed: true} }

// IsOk tells whether it went well.
func (r Result[T, E]) IsOk() bool { return !r.failed }

// IsErr tells whether it went wrong.
func (r Result[T, E]) IsErr() bool { return r.failed }

// Tag is ResultOk or ResultErr.
func (r Result[T, E]) Tag() uint8 {
	if r.failed {
		return ResultErr
	}
	return ResultOk
}

// Ok returns what went well. It panics if it went wrong.
func (r Result[T, E]) Ok() T {
	if r.failed {
		panic("the result is an error")
	}
	return r.ok
}

// Err returns what went wrong. It panics if it went well.
func (r Result[T, E]) Err() E {
	if !r.failed {
		panic("the result is no error")
	}
	return r.err
}

// Unit has no value.
type Unit struct{}

// A tuple has its values in the fields F0, F1 and so on.
type (
	Tuple1[T0 any] struct { F0 T0 }
	Tuple2[T0 any, T1 any] struct { F0 T0; F1 T1 }
	Tuple3[T0 any, T1 any, T2 any] struct { F0 T0; F1 T1; F2 T2 }
	Tuple4[T0 any, T1 any, T2 any, T3 any] struct { F0 T0; F1 T1; F2 T2; F3 T3 }
	Tuple5[T0 any, T1 any, T2 any, T3 any, T4 any] struct { F0 T0; F1 T1; F2 T2; F3 T3; F4 T4 }
	Tuple6[T0 any, T1 any, T2 any, T3 any, T4 any, T5 any] struct { F0 T0; F1 T1; F2 T2; F3 T3; F4 T4; F5 T5 }
	Tuple7[T0 any, T1 any, T2 any, T3 any, T4 any, T5 any, T6 any] struct { F0 T0; F1 T1; F2 T2; F3 T3; F4 T4; F5 T5; F6 T6 }
	Tuple8[T0 any, T1 any, T2 any, T3 any, T4 any, T5 any, T6 any, T7 any] struct { F0 T0; F1 T1; F2 T2; F3 T3; F4 T4; F5 T5; F6 T6; F7 T7 }
	Tuple9[T0 any, T1 any, T2 any, T3 any, T4 any, T5 any, T6 any, T7 any, T8 any] struct { F0 T0; F1 T1; F2 T2; F3 T3; F4 T4; F5 T5; F6 T6; F7 T7; F8 T8 }
	Tuple10[T0 any, T1 any, T2 any, T3 any, T4 any, T5 any, T6 any, T7 any, T8 any, T9 any] struct { F0 T0; F1 T1; F2 T2; F3 T3; F4 T4; F5 T5; F6 T6; F7 T7; F8 T8; F9 T9 }
	Tuple11[T0 any, T1 any, T2 any, T3 any, T4 any, T5 any, T6 any, T7 any, T8 any, T9 any, T10 any] struct { F0 T0; F1 T1; F2 T2; F3 T3; F4 T4; F5 T5; F6 T6; F7 T7; F8 T8; F9 T9; F10 T10 }
	Tuple12[T0 any, T1 any, T2 any, T3 any, T4 any, T5 any, T6 any, T7 any, T8 any, T9 any, T10 any, T11 any] struct { F0 T0; F1 T1; F2 T2; F3 T3; F4 T4; F5 T5; F6 T6; F7 T7; F8 T8; F9 T9; F10 T10; F11 T11 }
	Tuple13[T0 any, T1 any, T2 any, T3 any, T4 any, T5 any, T6 any, T7 any, T8 any, T9 any, T10 any, T11 any, T12 any] struct { F0 T0; F1 T1; F2 T2; F3 T3; F4 T4; F5 T5; F6 T6; F7 T7; F8 T8; F9 T9; F10 T10; F11 T11; F12 T12 }
	Tuple14[T0 any, T1 any, T2 any, T3 any, T4 any, T5 any, T6 any, T7 any, T8 any, T9 any, T10 any, T11 any, T12 any, T13 any] struct { F0 T0; F1 T1; F2 T2; F3 T3; F4 T4; F5 T5; F6 T6; F7 T7; F8 T8; F9 T9; F10 T10; F11 T11; F12 T12; F13 T13 }
	Tuple15[T0 any, T1 any, T2 any, T3 any, T4 any, T5 any, T6 any, T7 any, T8 any, T9 any, T10 any, T11 any, T12 any, T13 any, T14 any] struct { F0 T0; F1 T1; F2 T2; F3 T3; F4 T4; F5 T5; F6 T6; F7 T7; F8 T8; F9 T9; F10 T10; F11 T11; F12 T12; F13 T13; F14 T14 }
	Tuple16[T0 any, T1 any, T2 any, T3 any, T4 any, T5 any, T6 any, T7 any, T8 any, T9 any, T10 any, T11 any, T12 any, T13 any, T14 any, T15 any] struct { F0 T0; F1 T1; F2 T2; F3 T3; F4 T4; F5 T5; F6 T6; F7 T7; F8 T8; F9 T9; F10 T10; F11 T11; F12 T12; F13 T13; F14 T14; F15 T15 }
)
