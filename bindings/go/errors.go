package spinel

// #include "callbacks.h"
import "C"

import (
	"context"
	"fmt"
)

// Code is the kind of a failure. It is an error itself, for errors.Is(err, spinel.ErrNotFound).
type Code int32

// The kinds of failures.
const (
	ErrInvalidArgument Code = C.SPINEL_INVALID_ARGUMENT // An option, shape, dtype or name is not what the call takes.
	ErrNotFound        Code = C.SPINEL_NOT_FOUND        // A file, input, output or target that was named does not exist.
	ErrIO              Code = C.SPINEL_IO               // The operating system failed to read or write.
	ErrBadModel        Code = C.SPINEL_BAD_MODEL        // The ONNX file is damaged or breaks the specification.
	ErrBadData         Code = C.SPINEL_BAD_DATA         // An image, array or label file is damaged or of no known format.
	ErrUnsupported     Code = C.SPINEL_UNSUPPORTED      // Valid, but this build or version cannot do it.
	ErrLimitExceeded   Code = C.SPINEL_LIMIT_EXCEEDED   // One of Limits would be exceeded.
	ErrOutOfMemory     Code = C.SPINEL_OUT_OF_MEMORY    // Memory that the library asked for was refused.
	ErrCancelled       Code = C.SPINEL_CANCELLED        // The context ended, or Request.Cancel was called.
	ErrReleased        Code = C.SPINEL_RELEASED         // The engine was closed.
	ErrInternal        Code = C.SPINEL_INTERNAL         // A fault of Spinel itself; please report it.
)

// String is the name of the code, such as "bad_model".
func (c Code) String() string {
	return C.GoString(C.spinel_code_name(C.int32_t(c)))
}

// Error is the same as String.
func (c Code) Error() string {
	return c.String()
}

// Error is what every function of this package fails with. errors.Is(err, code) tells its kind; that of a cancelled load
// or run wraps the error of the context.
type Error struct {
	Code    Code
	Message string // What failed, where, why and what to do about it.
	Node    string // The ONNX node that failed; "" if there is none.
	cause   error
}

// Error is the message.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s (%v)", e.Message, e.cause)
	}
	return e.Message
}

// Is tells whether target is the code of the error.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// Unwrap is the error of the context that cancelled the work, or nil.
func (e *Error) Unwrap() error {
	return e.cause
}

func misuse(format string, arguments ...any) error {
	return &Error{Code: ErrInvalidArgument, Message: fmt.Sprintf(format, arguments...)}
}

// take turns what a C function returned into an error, and frees the C error.
func take(code C.int32_t, failure *C.spinel_error) error {
	if code == C.SPINEL_OK {
		return nil
	}
	defer C.spinel_error_release(failure)
	out := &Error{Code: Code(code), Message: C.GoString(C.spinel_error_message(failure)),
		Node: C.GoString(C.spinel_error_node(failure))}
	if out.Message == "" {
		out.Message = out.Code.String()
	}
	return out
}

// because adds the end of ctx to an error that it caused.
func because(ctx context.Context, err error) error {
	if e, ok := err.(*Error); ok && e.Code == ErrCancelled {
		e.cause = ctx.Err()
	}
	return err
}

// ended fails if ctx is over.
func ended(ctx context.Context) error {
	if cause := ctx.Err(); cause != nil {
		return &Error{Code: ErrCancelled, Message: "cancelled before it began", cause: cause}
	}
	return nil
}
