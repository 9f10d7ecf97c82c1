//! Values between layers.

use std::any::Any;
use std::collections::HashMap;
use std::os::raw::c_void;

use spinel_sys as sys;

use crate::call::{by_name, Call};
use crate::callbacks::caught;
use crate::dims::RawShapes;
use crate::dtype::DType;
use crate::engine::Engine;
use crate::error::{check, Error, Result};
use crate::tensor::Tensor;
use crate::text::{c_text, or_null, text, texts};
use crate::view::{RawTensors, TensorView};

/// A value of the ONNX file that a compiled model still computes: passes merge nodes, and what lies inside a merged layer is
/// gone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerValue {
    /// Of the value in the ONNX file.
    pub name: String,
    /// What the layer computes.
    pub dtype: DType,
    /// In the file's order of axes, `None` where a dim is not known; `None` as a whole where the rank is open.
    pub shape: Option<Vec<Option<usize>>>,
    /// Place of the layer that computes it in the order of execution.
    pub layer: usize,
    /// The layer's name.
    pub node: String,
    /// Its operator.
    pub op: String,
    /// The ONNX nodes that the layer stands for.
    pub sources: Vec<String>,
    /// The layer's inputs that have a name in the file, without constants.
    pub inputs: Vec<String>,
}

impl LayerValue {
    /// # Safety
    /// The library filled in the struct, and what it points to lives.
    unsafe fn read(raw: &sys::spinel_layer_value) -> Self {
        let dims = (0..raw.rank).map(|i| usize::try_from(*raw.dims.add(i)).ok()).collect();
        LayerValue {
            name: text(raw.name),
            dtype: DType::from_number(raw.dtype),
            shape: (raw.has_rank != 0).then_some(dims),
            layer: raw.layer,
            node: text(raw.node),
            op: text(raw.op),
            sources: texts(raw.sources, raw.source_count),
            inputs: texts(raw.inputs, raw.input_count),
        }
    }
}

impl Engine {
    /// The values between the layers in the order of execution; with shapes of the inputs, theirs are those of such a run as
    /// far as they are known before running. [`Unsupported`](crate::ErrorCode::Unsupported) if the target cannot tell.
    pub fn layer_values<S: AsRef<[usize]>>(&self, inputs: &[S]) -> Result<Vec<LayerValue>> {
        let shapes = RawShapes::new(inputs)?;
        let mut list = std::ptr::null_mut();
        // SAFETY: all arguments live during the call; the list that it gives is ours, and the values live as long as it.
        unsafe {
            let (dims, count) = (shapes.as_ptr(), shapes.structs.len());
            check(|error| sys::spinel_engine_layer_values(self.raw(), dims, count, &mut list, error))?;
            let out = (0..sys::spinel_layer_values_count(list)).map(|i| {
                let mut raw = sys::spinel_layer_value::default();
                check(|error| sys::spinel_layer_values_get(list, i, &mut raw, error))?;
                Ok(LayerValue::read(&raw))
            });
            let out = out.collect();
            sys::spinel_layer_values_release(list);
            out
        }
    }
}

type See<'s> = dyn FnMut(&LayerValue, TensorView<'_>) -> Result<Option<Tensor>> + Send + 's;

/// What the callbacks use, which are never called at once.
struct Seeing<'s> {
    see: &'s mut See<'s>,
    error: Option<Error>,
    panic: Option<Box<dyn Any + Send>>,
    /// What `see` returned for the last value, until it was asked for.
    replacement: Option<(String, Tensor)>,
    /// The last one that was asked for, and its dims.
    replacing: Option<(Tensor, RawTensors)>,
}

impl Seeing<'_> {
    /// That the last replacement was used.
    fn check_used(&mut self) -> Result<()> {
        match self.replacement.take() {
            None => Ok(()),
            Some((name, _)) => Err(Error::invalid(format!(
                "the value '{name}' cannot be replaced: it is a view of another, or the target cannot do it"
            ))),
        }
    }

    unsafe fn look(&mut self, value: &sys::spinel_layer_value, tensor: &sys::spinel_tensor) -> Result<()> {
        self.check_used()?;
        let value = LayerValue::read(value);
        let replacement = (self.see)(&value, TensorView::from_struct(tensor))?;
        self.replacement = replacement.map(|tensor| (value.name, tensor));
        Ok(())
    }

    fn replace(&mut self, out: &mut sys::spinel_tensor) -> Result<()> {
        self.replacing = None;
        if let Some((_, tensor)) = self.replacement.take() {
            let raw = RawTensors::inputs(&[tensor.view()])?;
            *out = raw.structs[0];
            self.replacing = Some((tensor, raw));
        }
        Ok(())
    }

    fn answer(&mut self, body: impl FnOnce(&mut Self) -> Result<()>) -> i32 {
        match caught(|| body(self)) {
            Ok(Ok(())) => return sys::SPINEL_OK,
            Ok(Err(error)) => self.error = Some(error),
            Err(payload) => self.panic = Some(payload),
        }
        sys::SPINEL_CANCELLED
    }
}

unsafe extern "C" fn see(
    user: *mut c_void,
    value: *const sys::spinel_layer_value,
    tensor: *const sys::spinel_tensor,
) -> i32 {
    (*(user as *mut Seeing<'_>)).answer(|seeing| seeing.look(&*value, &*tensor))
}

unsafe extern "C" fn replace(
    user: *mut c_void,
    _value: *const sys::spinel_layer_value,
    replacement: *mut sys::spinel_tensor,
) -> i32 {
    (*(user as *mut Seeing<'_>)).answer(|seeing| seeing.replace(&mut *replacement))
}

impl<'e, 'a> Call<'e, 'a> {
    /// Runs as [`run`](Call::run) does, with results of the same bits, and gives the values of these names, or all, to `see`:
    /// one at a time, in the order of execution, maybe in another thread. A tensor that it returns takes the value's place,
    /// so that what follows is computed from it (target "cpu"). An error ends the run and is returned, a panic goes on here. The
    /// batch runs as one part on all threads of the engine.
    ///
    /// ```no_run
    /// # let engine = spinel::Engine::load("model.onnx")?;
    /// # let x = spinel::Tensor::zeros::<f32>(&[1, 3])?;
    /// engine.call().input("x", &x).inspect(&[], |value, tensor| {
    ///     println!("{} {:?}", value.name, tensor);
    ///     Ok(None)
    /// })?;
    /// # Ok::<(), spinel::Error>(())
    /// ```
    pub fn inspect(
        self,
        names: &[&str],
        mut see: impl FnMut(&LayerValue, TensorView<'_>) -> Result<Option<Tensor>> + Send,
    ) -> Result<HashMap<String, Tensor>> {
        let engine = self.engine();
        let names = names.iter().map(|name| c_text(name, "the value")).collect::<Result<Vec<_>>>()?;
        let pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let wanted = or_null(&pointers);
        let mut seeing =
            Seeing { see: &mut see, error: None, panic: None, replacement: None, replacing: None };
        let user = &mut seeing as *mut Seeing<'_> as *mut c_void;
        let replaces = engine.info().target == "cpu";
        // SAFETY: the arguments are those of the functions, and `seeing` is the callbacks' alone until they return.
        let done = self.execute(|run, error| unsafe {
            let (inputs, count) = (run.inputs.as_ptr(), run.inputs.len());
            let (outputs, output_count) = (run.outputs.as_mut_ptr(), run.outputs.len());
            let (see, engine, token): (sys::spinel_inspect_callback, _, _) =
                (Some(self::see), run.engine, run.token);
            let names = pointers.len();
            if !replaces {
                return sys::spinel_engine_inspect(
                    engine,
                    inputs,
                    count,
                    wanted,
                    names,
                    see,
                    user,
                    outputs,
                    output_count,
                    token,
                    error,
                );
            }
            let replace: sys::spinel_replace_callback = Some(self::replace);
            sys::spinel_engine_replace(
                engine,
                inputs,
                count,
                wanted,
                names,
                see,
                replace,
                user,
                outputs,
                output_count,
                token,
                error,
            )
        });
        if let Some(payload) = seeing.panic.take() {
            std::panic::resume_unwind(payload);
        }
        if let Some(error) = seeing.error.take() {
            return Err(error);
        }
        let results = done?;
        seeing.check_used()?;
        Ok(by_name(engine, results))
    }
}
