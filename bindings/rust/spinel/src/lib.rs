//! Runs ONNX models on tensors and images: the Rust side of Spinel, over its C ABI. No dependencies, no macros, and no
//! unsafe code is asked of you.
//!
//! ```no_run
//! use spinel::{load_labels, top_k, Engine, Preprocess, Scores};
//!
//! # fn main() -> spinel::Result<()> {
//! let engine = Engine::load("model.onnx")?;
//! let images = Preprocess::imagenet().fit(&engine)?; // size and type of the engine's input
//! let scores = engine.run([&images.file("photo.jpg")?])?;
//! let best = top_k(&scores[0], 5, Scores::Logits)?;
//! println!("{}", load_labels("synset.txt")?[best[0][0].class]);
//! # Ok(())
//! # }
//! ```
//!
//! - [`Engine`] is immutable, `Send` and `Sync`; its clones are the same engine.
//! - Inputs are [`TensorView`]s of your slices or [`Tensor`]s; outputs are tensors of the library's memory, or written to
//!   your slices ([`TensorViewMut`]). Nothing is copied.
//! - [`Engine::run_async`] gives a [`Request`]: a future that owns what the run uses.
//! - Failures are [`Error`]: code, message, node.
//! - A panic in a function of yours that the library calls (log, parallel_for, wakers) ends there;
//!   one in an operator fails the run.
#![deny(missing_docs)]
#![warn(missing_debug_implementations)]

mod attributes;
mod call;
mod callbacks;
mod cancel;
mod custom;
mod dataset;
mod describe;
mod dims;
mod dtype;
mod engine;
mod error;
mod half;
mod image;
mod inspect;
mod limits;
mod load;
mod op_calls;
mod op_run;
mod operator;
mod options;
mod reports;
mod request;
mod scores;
mod tensor;
mod text;
mod tools;
mod value;
mod view;

pub use attributes::{AttributeType, Attributes};
pub use call::Call;
pub use callbacks::LogLevel;
pub use cancel::CancelToken;
pub use custom::OpSet;
pub use dataset::{Batch, Dataset, Ledger, Loader, LoaderOptions, Rejected};
pub use describe::{available_targets, version, EngineInfo, TensorInfo, ValueKind};
pub use dtype::{DType, Element};
pub use engine::Engine;
pub use error::{Error, ErrorCode, Result};
pub use half::{Bf16, F16};
pub use image::{Image, Interpolation, Preprocess};
pub use inspect::LayerValue;
pub use limits::{Limits, Split};
pub use op_run::OpRun;
pub use operator::{CustomOp, Dim, OpInput, OpOutput};
pub use options::EngineBuilder;
pub use reports::{LayerTime, MemoryReport, PassNote, PassReport, Profile};
pub use request::{Canceller, Request};
pub use scores::{
    difference, load_labels, load_labels_of, softmax, top_k, Accuracy, AccuracyCounts, Answer, Difference,
    Scores,
};
pub use tensor::Tensor;
pub use tools::{
    convert_model, float16_keep_list, simplify_model, simplify_steps, CheckOptions, Clamped, ConvertOptions,
    SimplifyOptions, ToolReport,
};
pub use value::Value;
pub use view::{TensorView, TensorViewMut};
