package spinel_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"spinel"
)

// What is not cancelled never ends: these tests measure no time.

func endless(t *testing.T) (*spinel.Engine, []*spinel.Tensor) {
	t.Helper()
	return load(t, model("endless_run"), nil), []*spinel.Tensor{
		tensor(t, nil, int64(1)<<60), tensor(t, []int64{1}, float32(1))}
}

func cancelled(t *testing.T, err, cause error) {
	t.Helper()
	if !errors.Is(err, spinel.ErrCancelled) || cause != nil && !errors.Is(err, cause) {
		t.Errorf("found %v, not cancelled because of %v", err, cause)
	}
}

func runsOnce(t *testing.T, engine *spinel.Engine) {
	t.Helper()
	outputs, err := engine.Run(ctx, tensor(t, nil, int64(3)), tensor(t, []int64{1}, float32(1)))
	need(t, err)
	want(t, data[float32](t, outputs[0]), []float32{8})
}

func TestTheContextCancelsRuns(t *testing.T) {
	engine, inputs := endless(t)
	over, stop := context.WithTimeout(ctx, 20*time.Millisecond)
	defer stop()
	_, err := engine.Run(over, inputs...)
	cancelled(t, err, context.DeadlineExceeded)
	runsOnce(t, engine)

	stopped, stop := context.WithCancel(ctx)
	request := engine.RunAsync(stopped, inputs...)
	time.AfterFunc(20*time.Millisecond, stop)
	outputs, err := request.Wait()
	cancelled(t, err, context.Canceled)
	if outputs != nil {
		t.Error("a cancelled run has outputs")
	}
	runsOnce(t, engine)

	_, err = engine.Run(stopped, inputs...)
	cancelled(t, err, context.Canceled)
	_, err = engine.RunAsync(stopped, inputs...).Wait()
	cancelled(t, err, context.Canceled)
	_, err = engine.Profile(stopped, inputs...)
	cancelled(t, err, context.Canceled)
}

func TestTheContextCancelsLoads(t *testing.T) {
	stopped, stop := context.WithCancel(ctx)
	defer stop()
	progress := func(stage string, fraction float64) {
		if stage == "fold_constants" {
			time.AfterFunc(time.Millisecond, stop)
		}
	}
	_, err := spinel.Load(stopped, model("endless_load"), &spinel.Options{Progress: progress})
	cancelled(t, err, context.Canceled)
	_, err = spinel.Load(stopped, model("two"), nil)
	cancelled(t, err, context.Canceled)
}

func TestRequestCancel(t *testing.T) {
	engine, inputs := endless(t)
	request := engine.RunAsync(ctx, inputs...)
	select {
	case <-request.Done():
		t.Error("an endless run ended")
	case <-time.After(10 * time.Millisecond):
	}
	request.Cancel()
	<-request.Done()
	_, err := request.Wait()
	cancelled(t, err, nil)
	request.Cancel()
	runsOnce(t, engine)
}

func TestManyRequests(t *testing.T) {
	engine := load(t, model("two"), nil)
	limited, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	requests := make([]*spinel.Request, 64)
	for i := range requests {
		requests[i] = engine.RunAsync(limited, filled(t, float32(i), 2, 3), filled(t, 1, 2, 3))
		runtime.GC() // The inputs are referred to by requests alone.
	}
	for i, request := range requests {
		for again := 0; again < 2; again++ {
			outputs, err := request.Wait()
			need(t, err)
			if sum := data[float32](t, outputs[0]); sum[5] != float32(i+1) {
				t.Fatalf("request %d gave %v", i, sum)
			}
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	engine := load(t, model("two"), &spinel.Options{SPAs: 2})
	shared := filled(t, 2, 5, 3)
	var all sync.WaitGroup
	for g := 0; g < 8; g++ {
		all.Add(1)
		go func(g int) {
			defer all.Done()
			own := filled(t, float32(g), 5, 3)
			for i := 0; i < 50; i++ {
				outputs, err := engine.Run(ctx, own, shared)
				if err != nil {
					t.Error(err)
					return
				}
				if product := data[float32](t, outputs[1]); product[14] != float32(2*g) {
					t.Errorf("goroutine %d found %v", g, product)
				}
			}
		}(g)
	}
	all.Wait()
}

func TestCloseWhileOthersRun(t *testing.T) {
	for round := 0; round < 20; round++ {
		engine, err := spinel.Load(ctx, model("two"), nil)
		need(t, err)
		x := filled(t, 1, 2, 3)
		begun := make(chan struct{}, 8)
		var all sync.WaitGroup
		for g := 0; g < 4; g++ {
			all.Add(2)
			go func() {
				defer all.Done()
				begun <- struct{}{}
				for {
					if _, err := engine.Run(ctx, x, x); err != nil {
						fails(t, err, spinel.ErrReleased, "closed")
						return
					}
				}
			}()
			go func() {
				defer all.Done()
				begun <- struct{}{}
				for {
					if _, err := engine.RunAsync(ctx, x, x).Wait(); err != nil {
						fails(t, err, spinel.ErrReleased, "closed")
						return
					}
				}
			}()
		}
		for g := 0; g < 8; g++ {
			<-begun
		}
		go engine.Close()
		engine.Close()
		all.Wait()
		need(t, engine.Close())
	}
}

func TestAfterClose(t *testing.T) {
	engine := load(t, model("two"), nil)
	x := filled(t, 1, 2, 3)
	request := engine.RunAsync(ctx, x, x)
	engine.Close()
	_, err := request.Wait() // Close has waited for it.
	need(t, err)
	_, err = engine.Run(ctx, x, x)
	fails(t, err, spinel.ErrReleased, "")
	_, err = engine.RunAsync(ctx, x, x).Wait()
	fails(t, err, spinel.ErrReleased, "")
	_, err = engine.Graph()
	fails(t, err, spinel.ErrReleased, "")
	_, err = engine.Memory()
	fails(t, err, spinel.ErrReleased, "")
	_, err = engine.Passes()
	fails(t, err, spinel.ErrReleased, "")
	_, err = engine.Profile(ctx, x, x)
	fails(t, err, spinel.ErrReleased, "")
	_, _, err = engine.OutputShape(0, x.Shape(), x.Shape())
	fails(t, err, spinel.ErrReleased, "")
	fails(t, new(spinel.Preprocess).Fit(engine, 0), spinel.ErrReleased, "")
	if engine.RunTime() != 0 || engine.Inputs()[0].Name != "x" || engine.Info().Target != "cpu" {
		t.Error("what is known of a closed engine is gone")
	}
}

func TestAnEngineThatIsDroppedWhileItRuns(t *testing.T) {
	engine, err := spinel.Load(ctx, model("slow"), nil)
	need(t, err)
	request := engine.RunAsync(ctx, filled(t, 1, 64, 384))
	engine = nil
	runtime.GC()
	outputs, err := request.Wait()
	need(t, err)
	want(t, outputs[0].Shape(), []int64{64, 384})
	for i := 0; i < 3; i++ { // Finalizers run.
		request = nil
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	if value := data[float32](t, outputs[0])[0]; value != 1 {
		t.Errorf("found %v", value)
	}
}

// A panic in a callback ends the program with its reason, even below a recover(). The test runs itself as that program.
func TestAPanicInACallback(t *testing.T) {
	if os.Getenv("SPINEL_TEST_PANIC") != "" {
		defer func() { recover() }()
		spinel.Load(ctx, model("two"), &spinel.Options{Progress: func(string, float64) { panic("the reason") }})
		return
	}
	command := exec.Command(os.Args[0], "-test.run=TestAPanicInACallback")
	command.Env = append(os.Environ(), "SPINEL_TEST_PANIC=1")
	output, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "a callback panicked: the reason") {
		t.Errorf("found %v and %s", err, output)
	}
}
