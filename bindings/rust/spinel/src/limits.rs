//! Bounds on models and images, and how batches are split.

use spinel_sys as sys;

/// Whether a batch may be split over the SPAs, the compute partitions of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Split {
    /// Only if every output row is proven to depend on its own input row alone.
    #[default]
    Proven,
    /// One SPA runs the whole batch.
    Never,
    /// Along axis 0, without a proof: the caller answers for the result.
    Always,
}

/// Upper bounds on what models and images may ask for; exceeding one is
/// [`LimitExceeded`](crate::ErrorCode::LimitExceeded). 0: no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// An ONNX file together with its external data.
    pub max_model_bytes: u64,
    /// One tensor, constant or computed.
    pub max_tensor_bytes: u64,
    /// The activations of one SPA.
    pub max_arena_bytes: u64,
    /// Nodes of a model, subgraphs and functions included.
    pub max_nodes: u64,
    /// Depth of nested subgraphs, types and messages.
    pub max_nesting: u64,
    /// Width times height.
    pub max_image_pixels: u64,
}

impl Default for Limits {
    /// The library's: see `spinel_limits` in `spinel.h`.
    fn default() -> Self {
        let mut raw = sys::spinel_limits::default();
        // SAFETY: the struct has that size.
        unsafe { sys::spinel_limits_init(&mut raw, raw.struct_size) };
        Limits {
            max_model_bytes: raw.max_model_bytes,
            max_tensor_bytes: raw.max_tensor_bytes,
            max_arena_bytes: raw.max_arena_bytes,
            max_nodes: raw.max_nodes,
            max_nesting: raw.max_nesting,
            max_image_pixels: raw.max_image_pixels,
        }
    }
}

impl Limits {
    pub(crate) fn raw(&self) -> sys::spinel_limits {
        sys::spinel_limits {
            max_model_bytes: self.max_model_bytes,
            max_tensor_bytes: self.max_tensor_bytes,
            max_arena_bytes: self.max_arena_bytes,
            max_nodes: self.max_nodes,
            max_nesting: self.max_nesting,
            max_image_pixels: self.max_image_pixels,
            ..Default::default()
        }
    }
}
