//! What an engine says of itself.

use std::fmt;

use spinel_sys as sys;

use crate::dtype::DType;
use crate::engine::Engine;
use crate::error::{check, Result};
use crate::text::{owned_list, text, texts};

/// What an input or output is. A model with others than tensors is run by [`Engine::run_values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValueKind {
    /// A tensor.
    Tensor,
    /// A sequence of tensors.
    Sequence,
    /// A value that may be left out.
    Optional,
}

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TensorInfo {
    /// As the model calls it.
    pub name: String,
    /// What a run takes or gives.
    pub dtype: DType,
    /// `None` where a dim is dynamic; `None` as a whole if the model leaves even the rank open.
    pub shape: Option<Vec<Option<usize>>>,
    /// One a dim: the name or expression of a dynamic dim, else "".
    pub dim_names: Vec<String>,
    /// The axis that is split over the SPAs.
    pub batch_axis: Option<usize>,
    /// What it is; of others than tensors name and element alone mean something.
    pub kind: ValueKind,
    /// What is in a sequence or an optional, without a name.
    pub element: Option<Box<TensorInfo>>,
}

impl TensorInfo {
    /// # Safety
    /// `call` fills in the struct.
    pub(crate) unsafe fn read(
        call: impl FnOnce(*mut sys::spinel_tensor_info, *mut *mut sys::spinel_error) -> i32,
    ) -> Result<Self> {
        let mut info = sys::spinel_tensor_info::default();
        check(|error| call(&mut info, error))?;
        Ok(TensorInfo::from_raw(&info))
    }

    /// # Safety
    /// The library filled in the struct, and what it points to lives.
    unsafe fn from_raw(info: &sys::spinel_tensor_info) -> Self {
        let dims = (0..info.rank).map(|i| usize::try_from(*info.dims.add(i)).ok()).collect();
        TensorInfo {
            name: text(info.name),
            dtype: DType::from_number(info.dtype),
            shape: (info.has_rank != 0).then_some(dims),
            dim_names: texts(info.dim_names, info.rank),
            batch_axis: usize::try_from(info.batch_axis).ok(),
            kind: match info.kind {
                sys::SPINEL_KIND_SEQUENCE => ValueKind::Sequence,
                sys::SPINEL_KIND_OPTIONAL => ValueKind::Optional,
                _ => ValueKind::Tensor,
            },
            element: info.element.as_ref().map(|element| Box::new(TensorInfo::from_raw(element))),
        }
    }
}

/// As in `x: float32 [batch, 3]`.
impl fmt::Display for TensorInfo {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims = match &self.shape {
            None => vec!["...".to_string()],
            Some(shape) => shape
                .iter()
                .zip(&self.dim_names)
                .map(|(dim, name)| match dim {
                    Some(dim) => dim.to_string(),
                    None if name.is_empty() => "?".to_string(),
                    None => name.clone(),
                })
                .collect(),
        };
        write!(out, "{}: {} [{}]", self.name, self.dtype, dims.join(", "))
    }
}

/// What an engine is and whether it splits batches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineInfo {
    /// What executes: "cpu" or "onnx".
    pub target: String,
    /// How floats are computed, in words: "float32 (avx512)".
    pub arithmetic: String,
    /// What floats are computed in.
    pub compute_dtype: DType,
    /// The number of compute partitions.
    pub spas: usize,
    /// Threads of each.
    pub threads_per_spa: usize,
    /// The batch that the model is made for, if not any runs.
    pub fixed_batch: Option<usize>,
    /// Whether a batch is split over the SPAs.
    pub splittable: bool,
    /// The first node that mixes rows of a batch, if one does.
    pub blocking_node: Option<String>,
    /// Why it is splittable or not, in words.
    pub reason: String,
}

impl EngineInfo {
    /// # Safety
    /// The engine lives.
    pub(crate) unsafe fn read(engine: *const sys::spinel_engine) -> Result<Self> {
        let mut info = sys::spinel_engine_info::default();
        check(|error| sys::spinel_engine_describe(engine, &mut info, error))?;
        Ok(EngineInfo {
            target: text(info.target),
            arithmetic: text(info.arithmetic),
            compute_dtype: DType::from_number(info.compute_dtype),
            spas: info.spas as usize,
            threads_per_spa: info.threads_per_spa as usize,
            fixed_batch: usize::try_from(info.fixed_batch).ok().filter(|batch| *batch != 0),
            splittable: info.splittable != 0,
            blocking_node: Some(text(info.blocking_node)).filter(|node| !node.is_empty()),
            reason: text(info.reason),
        })
    }
}

/// The targets of this build of the library, the default first.
pub fn available_targets() -> Result<Vec<String>> {
    // SAFETY: the pointers are valid.
    owned_list(|list, error| unsafe { sys::spinel_available_targets(list, error) })
}

/// The library's version, such as "0.1.0".
pub fn version() -> &'static str {
    // SAFETY: the text is a constant of the library.
    unsafe { std::ffi::CStr::from_ptr(sys::spinel_version()) }.to_str().unwrap_or("")
}

impl Engine {
    /// The compiled graph, a line a text; for people: the format may change.
    pub fn graph(&self) -> Result<Vec<String>> {
        // SAFETY: the engine lives.
        owned_list(|list, error| unsafe { sys::spinel_engine_graph(self.raw(), list, error) })
    }
}
