//! A run in the calling thread.

use std::collections::HashMap;

use spinel_sys as sys;

use crate::cancel::CancelToken;
use crate::engine::Engine;
use crate::error::{check, Error, Result};
use crate::tensor::Tensor;
use crate::view::{RawTensors, TensorView, TensorViewMut};

/// A run whose arguments are named one by one: see [`Engine::call`].
///
/// ```no_run
/// # let engine = spinel::Engine::load("model.onnx")?;
/// # let (x, token) = (vec![0.0f32; 6], spinel::CancelToken::new()?);
/// use spinel::{TensorView, TensorViewMut};
///
/// let mut sum = vec![0.0f32; 6];
/// let others = engine
///     .call()
///     .input("x", TensorView::new(&[2, 3], &x)?)
///     .output("sum", TensorViewMut::new(&[2, 3], &mut sum)?)
///     .cancel(&token)
///     .run()?;
/// println!("{:?}", others["product"]);
/// # Ok::<(), spinel::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing runs until run() is called"]
pub struct Call<'e, 'a> {
    engine: &'e Engine,
    inputs: Vec<Option<TensorView<'a>>>,
    outputs: Vec<Option<TensorViewMut<'a>>>,
    token: Option<&'a CancelToken>,
    /// The first misuse.
    error: Option<Error>,
}

impl<'e, 'a> Call<'e, 'a> {
    pub(crate) fn new(engine: &'e Engine) -> Self {
        Call {
            engine,
            inputs: vec![None; engine.inputs().len()],
            outputs: engine.outputs().iter().map(|_| None).collect(),
            token: None,
            error: None,
        }
    }

    /// Gives one input.
    pub fn input(mut self, name: &str, view: impl Into<TensorView<'a>>) -> Self {
        match self.engine.find_input(name) {
            Ok(i) => self.inputs[i] = Some(view.into()),
            Err(error) => self.failed(error),
        }
        self
    }

    /// Gives all inputs in their order.
    pub fn inputs<I>(mut self, views: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<TensorView<'a>>,
    {
        let views: Vec<_> = views.into_iter().map(|view| Some(view.into())).collect();
        if views.len() == self.inputs.len() {
            self.inputs = views;
        } else {
            let names: Vec<&str> = self.engine.inputs().iter().map(|info| info.name.as_str()).collect();
            let message = format!(
                "{} inputs were given; the model has {}: {}",
                views.len(),
                names.len(),
                names.join(", ")
            );
            self.failed(Error::invalid(message));
        }
        self
    }

    /// Gives a buffer that one output is written to, without a copy.
    pub fn output(mut self, name: &str, buffer: TensorViewMut<'a>) -> Self {
        match self.engine.find_output(name) {
            Ok(i) => self.outputs[i] = Some(buffer),
            Err(error) => self.failed(error),
        }
        self
    }

    /// Gives a buffer each output, in their order.
    pub fn outputs(mut self, buffers: impl IntoIterator<Item = TensorViewMut<'a>>) -> Self {
        let buffers: Vec<_> = buffers.into_iter().map(Some).collect();
        if buffers.len() == self.outputs.len() {
            self.outputs = buffers;
        } else {
            let message = format!(
                "{} output buffers were given; the model has {} outputs",
                buffers.len(),
                self.outputs.len()
            );
            self.failed(Error::invalid(message));
        }
        self
    }

    /// Gives one buffer that holds an input, and after the run an output of the same shape. The engine must have been
    /// loaded with that [`alias`](crate::EngineBuilder::alias).
    pub fn in_place(mut self, input: &str, output: &str, buffer: TensorViewMut<'a>) -> Self {
        if !self.engine.aliases().iter().any(|(from, to)| from == input && to == output) {
            self.failed(Error::invalid(format!(
                "the engine was not loaded with alias(\"{input}\", \"{output}\")"
            )));
            return self;
        }
        // SAFETY: the buffer is borrowed for as long as the view, which nobody but the run reads.
        let view = unsafe {
            TensorView::from_raw(buffer.dtype, buffer.dims.clone(), buffer.data, buffer.size_bytes)
        };
        self.input(input, view).output(output, buffer)
    }

    /// The run ends with [`Cancelled`](crate::ErrorCode::Cancelled) soon after the token is cancelled.
    pub fn cancel(mut self, token: &'a CancelToken) -> Self {
        self.token = Some(token);
        self
    }

    /// Runs, and returns by name the outputs that were not given a buffer. If it fails under way, what is in the buffers is
    /// unspecified.
    pub fn run(self) -> Result<HashMap<String, Tensor>> {
        let engine = self.engine;
        let results = self.run_in_order()?;
        Ok(by_name(engine, results))
    }

    /// One an output, `None` where a buffer was given.
    pub(crate) fn run_in_order(self) -> Result<Vec<Option<Tensor>>> {
        // SAFETY: the arguments are those of the function.
        self.execute(|run, error| unsafe {
            let (inputs, outputs) = (run.inputs, run.outputs);
            sys::spinel_engine_run(
                run.engine,
                inputs.as_ptr(),
                inputs.len(),
                outputs.as_mut_ptr(),
                outputs.len(),
                run.token,
                error,
            )
        })
    }

    /// Lays out the tensors for `run`, and takes the results.
    pub(crate) fn execute(
        mut self,
        run: impl FnOnce(RawRun<'_>, *mut *mut sys::spinel_error) -> i32,
    ) -> Result<Vec<Option<Tensor>>> {
        let inputs = self.raw_inputs()?;
        let mut outputs = RawTensors::with_capacity(self.outputs.len());
        for output in &self.outputs {
            match output {
                Some(buffer) => outputs.push(buffer.dtype, &buffer.dims, buffer.data, buffer.size_bytes)?,
                None => outputs.push_empty(),
            }
        }
        let mut outputs = outputs.finish();
        let token = self.token.map_or(std::ptr::null(), CancelToken::raw);
        let raw = RawRun {
            engine: self.engine.raw(),
            inputs: &inputs.structs,
            outputs: &mut outputs.structs,
            token,
        };
        let done = check(|error| run(raw, error));
        for buffer in self.outputs.iter_mut().flatten() {
            buffer.mend_bools();
        }
        done?;
        Ok(outputs
            .structs
            .iter()
            // SAFETY: the library filled in what has an owner; the structs are not used again.
            .map(|tensor| (!tensor.owner.is_null()).then(|| unsafe { Tensor::from_library(*tensor) }))
            .collect())
    }

    /// The misuse, or the inputs.
    pub(crate) fn raw_inputs(&mut self) -> Result<RawTensors> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let views: Vec<_> = std::mem::take(&mut self.inputs).into_iter().flatten().collect();
        if views.len() != self.engine.inputs().len() {
            let names: Vec<&str> = self.engine.inputs().iter().map(|info| info.name.as_str()).collect();
            return Err(Error::invalid(format!("an input is missing; the model has {}", names.join(", "))));
        }
        RawTensors::inputs(&views)
    }

    pub(crate) fn token(&self) -> Option<&'a CancelToken> {
        self.token
    }

    pub(crate) fn engine(&self) -> &'e Engine {
        self.engine
    }

    fn failed(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }
}

/// What the library's functions that run take.
pub(crate) struct RawRun<'r> {
    pub(crate) engine: *const sys::spinel_engine,
    pub(crate) inputs: &'r [sys::spinel_tensor],
    pub(crate) outputs: &'r mut [sys::spinel_tensor],
    pub(crate) token: *const sys::spinel_cancel_token,
}

pub(crate) fn by_name(engine: &Engine, results: Vec<Option<Tensor>>) -> HashMap<String, Tensor> {
    let names = engine.outputs().iter().map(|info| info.name.clone());
    names.zip(results).filter_map(|(name, tensor)| Some((name, tensor?))).collect()
}
