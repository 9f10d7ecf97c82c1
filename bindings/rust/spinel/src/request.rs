//! Runs in the background.

use std::cell::UnsafeCell;
use std::fmt;
use std::future::Future;
use std::os::raw::c_void;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use spinel_sys as sys;

use crate::callbacks::guarded;
use crate::engine::Engine;
use crate::error::{check, Error, Result};
use crate::tensor::Tensor;
use crate::view::RawTensors;

/// A run in the background: see [`Engine::run_async`]. Await it, or [`wait`](Request::wait) for it; dropping it cancels the
/// run and waits for its end. It works in every executor, for it needs none.
///
/// ```no_run
/// # async fn example(engine: spinel::Engine, x: spinel::Tensor) -> spinel::Result<()> {
/// let (first, second) = (engine.run_async([x.clone()])?, engine.run_async([x])?);
/// let outputs = first.await?;
/// let others = second.await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it cancels the run"]
pub struct Request {
    /// `None` once the results were given.
    running: Option<Arc<Running>>,
    has_callback: bool,
}

/// Cancels a run in the background from anywhere: see [`Request::canceller`].
#[derive(Clone)]
pub struct Canceller(Weak<Running>);

struct Running {
    request: *mut sys::spinel_request,
    /// The library fills them in during a wait, through the pointer that it was given.
    structs: UnsafeCell<RawTensors>,
    /// What the library writes to, if the caller gave it.
    outputs: Mutex<Option<Vec<Tensor>>>,
    _inputs: Vec<Tensor>,
    waker: Mutex<Option<Waker>>,
    /// Kept so that dropping the caller's last clone does not wait for the run.
    _engine: Engine,
}

// SAFETY: the library lets any thread use a request and locks its waits; the structs are taken by the one Request.
unsafe impl Send for Running {}
unsafe impl Sync for Running {}

impl Drop for Running {
    fn drop(&mut self) {
        // SAFETY: after the release the library uses nothing of the run; results that were not taken are the structs'.
        unsafe {
            sys::spinel_request_release(self.request);
            for tensor in &mut self.structs.get_mut().structs {
                sys::spinel_tensor_release(tensor);
            }
        }
    }
}

impl Running {
    /// The run's own failure counts as finished.
    fn wait(&self, timeout_ms: i64) -> (bool, Result<()>) {
        let mut finished = 0;
        let mut result = Ok(());
        if !self.request.is_null() {
            // SAFETY: the request lives.
            result = check(|error| unsafe {
                sys::spinel_request_wait(self.request, timeout_ms, &mut finished, error)
            });
        }
        (finished != 0, result)
    }

    fn cancel(&self) {
        // SAFETY: the request lives.
        unsafe { sys::spinel_request_cancel(self.request) };
    }
}

/// `user` is the Mutex of a waker. It may be freed in `wake()`, by whoever drops the request then.
unsafe extern "C" fn wake(user: *mut c_void) {
    let waker = &*(user as *const Mutex<Option<Waker>>);
    let waker = waker.lock().unwrap_or_else(PoisonError::into_inner).take();
    guarded(|| {
        if let Some(waker) = waker {
            waker.wake();
        }
    });
}

impl Request {
    pub(crate) fn start(
        engine: &Engine,
        inputs: Vec<Tensor>,
        mut outputs: Option<Vec<Tensor>>,
    ) -> Result<Self> {
        let raw_inputs = engine.call().inputs(&inputs).raw_inputs()?;
        let mut structs = RawTensors::with_capacity(engine.outputs().len());
        match &mut outputs {
            None => engine.outputs().iter().for_each(|_| structs.push_empty()),
            Some(outputs) if outputs.len() != engine.outputs().len() => {
                let (given, wanted) = (outputs.len(), engine.outputs().len());
                return Err(Error::invalid(format!("{given} outputs were given; the model has {wanted}")));
            }
            Some(outputs) => {
                for output in outputs {
                    let (dtype, dims, data, size_bytes) = output.output()?;
                    structs.push(dtype, dims, data, size_bytes)?;
                }
            }
        }
        let mut running = Running {
            request: std::ptr::null_mut(),
            structs: UnsafeCell::new(structs.finish()),
            outputs: Mutex::new(outputs),
            _inputs: inputs,
            waker: Mutex::new(None),
            _engine: engine.clone(),
        };
        let raw_outputs = &mut running.structs.get_mut().structs;
        let (data, count) = (raw_outputs.as_mut_ptr(), raw_outputs.len());
        // SAFETY: `running` owns what the library uses, and releases the request before it.
        check(|error| unsafe {
            sys::spinel_engine_run_async(
                engine.raw(),
                raw_inputs.structs.as_ptr(),
                raw_inputs.structs.len(),
                data,
                count,
                &mut running.request,
                error,
            )
        })?;
        Ok(Request { running: Some(Arc::new(running)), has_callback: false })
    }

    /// Waits for the run and returns its outputs in order, or its error.
    pub fn wait(mut self) -> Result<Vec<Tensor>> {
        let running = self.running();
        let (_, result) = running.wait(-1);
        self.take(result)
    }

    /// Waits at most that long; whether the run is finished. Then [`wait`](Request::wait) returns at once.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let milliseconds = timeout.as_millis() + u128::from(timeout.subsec_nanos() % 1_000_000 != 0);
        self.running().wait(i64::try_from(milliseconds).unwrap_or(i64::MAX)).0
    }

    /// Whether the run is finished, be it with an error.
    pub fn is_finished(&self) -> bool {
        self.running().wait(0).0
    }

    /// Makes the run end with [`Cancelled`](crate::ErrorCode::Cancelled) soon, unless it is finished.
    pub fn cancel(&self) {
        self.running().cancel();
    }

    /// What cancels the run while something else waits for it.
    pub fn canceller(&self) -> Canceller {
        Canceller(Arc::downgrade(self.running()))
    }

    fn running(&self) -> &Arc<Running> {
        self.running.as_ref().expect("a request gives its results once")
    }

    fn take(&mut self, result: Result<()>) -> Result<Vec<Tensor>> {
        let running = self.running.take().expect("a request gives its results once");
        result?;
        if let Some(outputs) = running.outputs.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Ok(outputs);
        }
        // SAFETY: the run is finished, and nobody else looks at the structs of a request.
        let structs = unsafe { &mut (*running.structs.get()).structs };
        Ok(structs
            .iter_mut()
            // SAFETY: the library filled it in, and what is left of it has no owner.
            .map(|tensor| unsafe { Tensor::from_library(std::mem::take(tensor)) })
            .collect())
    }
}

impl Future for Request {
    type Output = Result<Vec<Tensor>>;

    /// # Panics
    /// After it has given the results.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let running = Arc::clone(self.running());
        *running.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        if !self.has_callback {
            let user = &running.waker as *const Mutex<Option<Waker>> as *mut c_void;
            // SAFETY: the waker's place lives until the request is released, which waits for the callback.
            let told = check(|error| unsafe {
                sys::spinel_request_on_finished(running.request, Some(wake), user, error)
            });
            if let Err(error) = told {
                drop(running);
                self.running = None;
                return Poll::Ready(Err(error));
            }
            self.has_callback = true;
        }
        // The waker is in its place: a run that is not finished now will find it.
        match running.wait(0) {
            (false, _) => Poll::Pending,
            (true, result) => {
                drop(running);
                Poll::Ready(self.take(result))
            }
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.running {
            None => "given",
            Some(running) if running.wait(0).0 => "finished",
            Some(_) => "running",
        };
        write!(out, "Request ({state})")
    }
}

impl Canceller {
    /// Makes the run end with [`Cancelled`](crate::ErrorCode::Cancelled) soon, unless it is finished.
    pub fn cancel(&self) {
        if let Some(running) = self.0.upgrade() {
            running.cancel();
        }
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Canceller")
    }
}
