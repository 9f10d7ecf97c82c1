//! Sequences and optionals.

use spinel_sys as sys;

use crate::engine::Engine;
use crate::error::{check, Result};
use crate::tensor::Tensor;
use crate::view::RawTensors;

/// What a model of more than tensors takes and gives: see [`Engine::run_values`]. A filled optional is its element. Cloning
/// shares the elements of tensors.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Value {
    /// A tensor.
    Tensor(Tensor),
    /// A sequence of values.
    Sequence(Vec<Value>),
    /// An optional without an element.
    Empty,
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Value::Tensor(tensor)
    }
}

impl From<Vec<Value>> for Value {
    fn from(elements: Vec<Value>) -> Self {
        Value::Sequence(elements)
    }
}

/// A value of the library's.
struct Raw(*mut sys::spinel_value);

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: the value is ours.
        unsafe { sys::spinel_value_release(self.0) };
    }
}

impl Raw {
    fn create(
        call: impl FnOnce(*mut *mut sys::spinel_value, *mut *mut sys::spinel_error) -> i32,
    ) -> Result<Self> {
        let mut out = std::ptr::null_mut();
        check(|error| call(&mut out, error))?;
        Ok(Raw(out))
    }

    /// It refers to the elements of the tensors.
    fn new(value: &Value) -> Result<Self> {
        match value {
            Value::Tensor(tensor) => {
                let raw = RawTensors::inputs(&[tensor.view()])?;
                // SAFETY: the struct lives during the call.
                Raw::create(|out, error| unsafe {
                    sys::spinel_value_create_tensor(raw.structs.as_ptr(), out, error)
                })
            }
            Value::Sequence(elements) => {
                let raw = elements.iter().map(Raw::new).collect::<Result<Vec<_>>>()?;
                let pointers = pointers(&raw);
                // SAFETY: the elements live during the call.
                Raw::create(|out, error| unsafe {
                    sys::spinel_value_create_sequence(pointers.as_ptr(), pointers.len(), out, error)
                })
            }
            // SAFETY: the pointers are valid.
            Value::Empty => Raw::create(|out, error| unsafe { sys::spinel_value_create_empty(out, error) }),
        }
    }

    fn read(&self) -> Result<Value> {
        // SAFETY: the value lives, and what it gives is ours.
        unsafe {
            match sys::spinel_value_get_kind(self.0) {
                sys::SPINEL_KIND_OPTIONAL => Ok(Value::Empty),
                sys::SPINEL_KIND_SEQUENCE => {
                    let elements = (0..sys::spinel_value_count(self.0)).map(|i| {
                        Raw::create(|out, error| sys::spinel_value_get_element(self.0, i, out, error))?.read()
                    });
                    elements.collect::<Result<Vec<_>>>().map(Value::Sequence)
                }
                _ => {
                    let mut tensor = sys::spinel_tensor::default();
                    check(|error| sys::spinel_value_get_tensor(self.0, &mut tensor, error))?;
                    Ok(Value::Tensor(Tensor::from_library(tensor)))
                }
            }
        }
    }
}

fn pointers(values: &[Raw]) -> Vec<*const sys::spinel_value> {
    values.iter().map(|value| value.0 as *const _).collect()
}

impl Engine {
    /// Runs a model whose inputs and outputs may be sequences and optionals, in their order: see
    /// [`TensorInfo::kind`](crate::TensorInfo::kind). [`Unsupported`](crate::ErrorCode::Unsupported) if the target runs models
    /// of tensors alone.
    ///
    /// ```no_run
    /// # let engine = spinel::Engine::load("model.onnx")?;
    /// use spinel::{Tensor, Value};
    ///
    /// let rows = vec![Value::from(Tensor::from(vec![1.0f32, 2.0])), Value::from(Tensor::from(vec![3.0f32]))];
    /// let outputs = engine.run_values(&[Value::Sequence(rows), Value::Empty])?;
    /// # Ok::<(), spinel::Error>(())
    /// ```
    pub fn run_values(&self, inputs: &[Value]) -> Result<Vec<Value>> {
        let inputs = inputs.iter().map(Raw::new).collect::<Result<Vec<_>>>()?;
        let inputs = (pointers(&inputs), inputs);
        let mut outputs = vec![std::ptr::null_mut(); self.outputs().len()];
        // SAFETY: all arguments live during the call.
        check(|error| unsafe {
            sys::spinel_engine_run_values(
                self.raw(),
                inputs.0.as_ptr(),
                inputs.0.len(),
                outputs.as_mut_ptr(),
                outputs.len(),
                std::ptr::null(),
                error,
            )
        })?;
        let outputs: Vec<Raw> = outputs.into_iter().map(Raw).collect();
        outputs.iter().map(Raw::read).collect()
    }
}
