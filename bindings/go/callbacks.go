package spinel

// #include "callbacks.h"
import "C"

import (
	"fmt"
	"runtime/cgo"
	"runtime/debug"
	"sync/atomic"
	"unsafe"
)

// contain ends the program if a function of the caller's panics: a panic that somebody recovered from would jump over the
// C++ frames below, whose locks would stay held.
func contain() {
	if reason := recover(); reason != nil {
		message := fmt.Sprintf("spinel: a callback panicked: %v\n\n%s", reason, debug.Stack())
		go panic(message)
		select {}
	}
}

//export spinelGoLog
func spinelGoLog(handle C.uintptr_t, level C.int32_t, message *C.char) {
	defer contain()
	cgo.Handle(handle).Value().(func(LogLevel, string))(LogLevel(level), C.GoString(message))
}

//export spinelGoProgress
func spinelGoProgress(handle C.uintptr_t, stage *C.char, fraction C.double) {
	defer contain()
	cgo.Handle(handle).Value().(func(string, float64))(C.GoString(stage), float64(fraction))
}

//export spinelGoParallelFor
func spinelGoParallelFor(handle C.uintptr_t, count C.int64_t, task C.spinel_task, data unsafe.Pointer) {
	defer contain()
	loop := cgo.Handle(handle).Value().(func(int, func(int)))
	called := make([]uint32, int(count)) // The engine counts on every task, and on none being called twice.
	run := func(index int) {
		if atomic.CompareAndSwapUint32(&called[index], 0, 1) {
			C.spinel_go_call_task(task, data, C.int64_t(index))
		}
	}
	loop(int(count), run)
	for index := range called {
		run(index)
	}
}

//export spinelGoFinished
func spinelGoFinished(handle C.uintptr_t) {
	h := cgo.Handle(handle)
	request := h.Value().(*Request)
	h.Delete()
	go request.finish() // This thread is the engine's: it goes on at once.
}
