//! A compiled model.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use spinel_sys as sys;

use crate::call::Call;
use crate::callbacks::{in_callback, Callbacks};
use crate::describe::{EngineInfo, TensorInfo};
use crate::dims::RawShapes;
use crate::error::{check, Error, ErrorCode, Result};
use crate::options::EngineBuilder;
use crate::request::Request;
use crate::tensor::Tensor;
use crate::view::{TensorView, TensorViewMut};

/// A compiled model. It is immutable: any number of threads may run it at once, and results are the same bits in every
/// run. Clones are the same engine, which is freed with the last of them, once the runs under way are done.
///
/// ```no_run
/// use spinel::{Engine, TensorView};
///
/// let engine = Engine::load("model.onnx")?;
/// let x = vec![0.5f32; 6];
/// let outputs = engine.run([TensorView::new(&[2, 3], &x)?])?;
/// println!("{:?} {:?}", outputs[0].shape(), outputs[0].as_slice::<f32>()?);
/// # Ok::<(), spinel::Error>(())
/// ```
#[derive(Clone)]
pub struct Engine(Arc<Handle>);

struct Handle {
    raw: Raw,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    info: EngineInfo,
    aliases: Vec<(String, String)>,
}

/// The library's engine, and what it calls.
struct Raw {
    engine: *mut sys::spinel_engine,
    callbacks: Option<Callbacks>,
}

// SAFETY: the library lets any thread use and release an engine; the callbacks are Send and Sync.
unsafe impl Send for Raw {}
unsafe impl Sync for Raw {}

impl Drop for Raw {
    fn drop(&mut self) {
        if !in_callback() {
            // SAFETY: this is the last use.
            unsafe { sys::spinel_engine_release(self.engine) };
            return;
        }
        // The release waits for the callback that this thread is in, so that another one has to do it.
        let mut rest = Raw { engine: self.engine, callbacks: self.callbacks.take() };
        let thread = std::thread::Builder::new().name("spinel release".into());
        if let Err(_no_thread) = thread.spawn(move || {
            // SAFETY: this is the last use.
            unsafe { sys::spinel_engine_release(rest.engine) };
            drop(rest.callbacks.take());
            std::mem::forget(rest);
        }) {}
    }
}

impl Engine {
    /// Loads and compiles an ONNX file with the default options.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Engine::builder().load(path)
    }

    /// All other options: `Engine::builder().spas(2).load("model.onnx")`.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// # Safety
    /// The engine is one of the library's, which calls only what is in `callbacks`, and is now this function's.
    pub(crate) unsafe fn from_raw(
        engine: *mut sys::spinel_engine,
        callbacks: Callbacks,
        aliases: Vec<(String, String)>,
    ) -> Result<Self> {
        let raw = Raw { engine, callbacks: Some(callbacks) };
        let inputs = (0..sys::spinel_engine_input_count(engine))
            .map(|i| TensorInfo::read(|info, error| sys::spinel_engine_input(engine, i, info, error)))
            .collect::<Result<_>>()?;
        let outputs = (0..sys::spinel_engine_output_count(engine))
            .map(|i| TensorInfo::read(|info, error| sys::spinel_engine_output(engine, i, info, error)))
            .collect::<Result<_>>()?;
        let info = EngineInfo::read(engine)?;
        Ok(Engine(Arc::new(Handle { raw, inputs, outputs, info, aliases })))
    }

    pub(crate) fn raw(&self) -> *const sys::spinel_engine {
        self.0.raw.engine
    }

    pub(crate) fn aliases(&self) -> &[(String, String)] {
        &self.0.aliases
    }

    /// The inputs, in the order in which runs take them.
    pub fn inputs(&self) -> &[TensorInfo] {
        &self.0.inputs
    }

    /// The outputs, in the order in which runs give them.
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.0.outputs
    }

    /// What the engine is and whether it splits batches.
    pub fn info(&self) -> &EngineInfo {
        &self.0.info
    }

    /// The place of an input by name; the error lists the names there are.
    pub fn find_input(&self, name: &str) -> Result<usize> {
        find(&self.0.inputs, name, "input")
    }

    /// The place of an output by name; the error lists the names there are.
    pub fn find_output(&self, name: &str) -> Result<usize> {
        find(&self.0.outputs, name, "output")
    }

    /// The shape of one output for these shapes of all inputs, in order; `None` if only running tells.
    pub fn output_shape<S: AsRef<[usize]>>(&self, inputs: &[S], output: usize) -> Result<Option<Vec<usize>>> {
        let shapes = RawShapes::new(inputs)?;
        let mut dims = [0i64; 32];
        let (mut rank, mut known) = (0, 0);
        // SAFETY: all arguments live during the call, and `dims` has that room.
        check(|error| unsafe {
            sys::spinel_engine_output_dims(
                self.raw(),
                shapes.as_ptr(),
                shapes.structs.len(),
                output,
                dims.as_mut_ptr(),
                dims.len(),
                &mut rank,
                &mut known,
                error,
            )
        })?;
        Ok((known != 0).then(|| dims[..rank].iter().map(|dim| *dim as usize).collect()))
    }

    /// Runs one batch and returns the outputs in order. Inputs are views of slices, or `&Tensor`.
    pub fn run<'a, I>(&self, inputs: I) -> Result<Vec<Tensor>>
    where
        I: IntoIterator,
        I::Item: Into<TensorView<'a>>,
    {
        let call = self.call().inputs(inputs);
        Ok(call.run_in_order()?.into_iter().flatten().collect())
    }

    /// Runs one batch with inputs by name and returns the outputs by name.
    pub fn run_named<'a, 'n, I, V>(&self, inputs: I) -> Result<HashMap<String, Tensor>>
    where
        I: IntoIterator<Item = (&'n str, V)>,
        V: Into<TensorView<'a>>,
    {
        inputs.into_iter().fold(self.call(), |call, (name, view)| call.input(name, view)).run()
    }

    /// Runs one batch and writes every output to a buffer of the caller's, without copies; [`Engine::call`] does it for
    /// some of them. If it fails under way, what is in the buffers is unspecified.
    pub fn run_into<'a, I, O>(&self, inputs: I, outputs: O) -> Result<()>
    where
        I: IntoIterator,
        I::Item: Into<TensorView<'a>>,
        O: IntoIterator<Item = TensorViewMut<'a>>,
    {
        self.call().inputs(inputs).outputs(outputs).run_in_order().map(drop)
    }

    /// Starts a run in the background and returns at once. The [`Request`] is a future, too. It owns the inputs, so that
    /// they cannot be freed under the run; clones of a tensor share its elements.
    pub fn run_async(&self, inputs: impl IntoIterator<Item = Tensor>) -> Result<Request> {
        Request::start(self, inputs.into_iter().collect(), None)
    }

    /// As [`run_async`](Engine::run_async), with tensors that the outputs are written to and that the request gives back:
    /// made of a `Vec` and not shared.
    pub fn run_async_into(
        &self,
        inputs: impl IntoIterator<Item = Tensor>,
        outputs: impl IntoIterator<Item = Tensor>,
    ) -> Result<Request> {
        Request::start(self, inputs.into_iter().collect(), Some(outputs.into_iter().collect()))
    }

    /// A run whose arguments are named one by one: a token to cancel it, buffers for some of the outputs.
    pub fn call<'a>(&self) -> Call<'_, 'a> {
        Call::new(self)
    }

    /// Seconds that the last finished run took; 0 before the first.
    pub fn run_time(&self) -> f64 {
        // SAFETY: the engine lives.
        unsafe { sys::spinel_engine_run_time(self.raw()) }
    }
}

fn find(infos: &[TensorInfo], name: &str, what: &str) -> Result<usize> {
    infos.iter().position(|info| info.name == name).ok_or_else(|| {
        let names: Vec<&str> = infos.iter().map(|info| info.name.as_str()).collect();
        Error::new(
            ErrorCode::NotFound,
            format!("there is no {what} '{name}'; there are {}", names.join(", ")),
        )
    })
}

/// As in `Engine cpu (x: float32 [batch, 3]) -> (y: float32 [batch, 3])`.
impl fmt::Debug for Engine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |infos: &[TensorInfo]| infos.iter().map(TensorInfo::to_string).collect::<Vec<_>>().join(", ");
        write!(out, "Engine {} ({}) -> ({})", self.info().target, list(self.inputs()), list(self.outputs()))
    }
}
