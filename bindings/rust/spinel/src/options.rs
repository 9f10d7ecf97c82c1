//! How to load a model.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use spinel_sys as sys;

use crate::callbacks::{self, Callbacks, LogLevel};
use crate::cancel::CancelToken;
use crate::custom::OpSet;
use crate::dtype::DType;
use crate::limits::{Limits, Split};

/// How to load a model: see [`Engine::builder`](crate::Engine::builder). Everything has a default that suits every model.
///
/// ```no_run
/// use spinel::{DType, Engine};
///
/// let engine = Engine::builder().dtype(DType::Float16).spas(2).batch_size(16).load("model.onnx")?;
/// # Ok::<(), spinel::Error>(())
/// ```
#[derive(Default)]
#[must_use = "it loads nothing until load() is called"]
pub struct EngineBuilder {
    pub(crate) target: String,
    pub(crate) isa: String,
    pub(crate) pass_json: String,
    pub(crate) pass_path: Option<PathBuf>,
    pub(crate) save_engine: Option<PathBuf>,
    pub(crate) onnxruntime_path: Option<PathBuf>,
    pub(crate) input_names: Vec<String>,
    pub(crate) input_sizes: Vec<Vec<usize>>,
    pub(crate) pad_values: Vec<(String, f64)>,
    pub(crate) aliases: Vec<(String, String)>,
    pub(crate) limits: Option<Limits>,
    pub(crate) numbers: sys::spinel_engine_options,
    pub(crate) custom_ops: Option<Arc<OpSet>>,
    pub(crate) cancel: Option<CancelToken>,
    pub(crate) progress: Option<callbacks::Progress>,
    pub(crate) callbacks: Callbacks,
}

// SAFETY: the pointers of `numbers` are null; the callbacks are Send.
unsafe impl Send for EngineBuilder {}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("EngineBuilder")
    }
}

impl EngineBuilder {
    /// What executes: see [`available_targets`](crate::available_targets). The default is the first of them.
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = target.into();
        self
    }

    /// The caller's order of the inputs, naming every one. The default is the model's.
    pub fn input_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.input_names = names.into_iter().map(Into::into).collect();
        self
    }

    /// One shape an input, in the caller's order. Fixes the model's dynamic dims except for the batch, whose number (a
    /// SPA's part) may be 0: any. By default dynamic dims are bound at each run.
    pub fn input_sizes<S: AsRef<[usize]>>(mut self, shapes: impl IntoIterator<Item = S>) -> Self {
        self.input_sizes = shapes.into_iter().map(|shape| shape.as_ref().to_vec()).collect();
        self
    }

    /// The data of this input may fall short of a fixed dim (never the batch), and is filled up with the value.
    pub fn pad_value(mut self, input: impl Into<String>, value: f64) -> Self {
        self.pad_values.push((input.into(), value));
        self
    }

    /// Inputs that `pad_value` does not name are filled up, too, with 0.
    pub fn pad_inputs(mut self, yes: bool) -> Self {
        self.numbers.pad_inputs = yes.into();
        self
    }

    /// Samples of one run over all SPAs; sizes a SPA's part where `input_sizes` is given. 0, the default: not said.
    pub fn batch_size(mut self, samples: usize) -> Self {
        self.numbers.batch_size = i64::try_from(samples).unwrap_or(i64::MAX);
        self
    }

    /// Compute precision, and type of float inputs and outputs: `Float32` or `Float16`. The default is the model's.
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.numbers.dtype = dtype.number();
        self
    }

    /// `dtype` leaves the types of inputs and outputs as the file has them.
    pub fn keep_io_types(mut self, yes: bool) -> Self {
        self.numbers.keep_io_types = yes.into();
        self
    }

    /// Whether a batch may be split over the SPAs.
    pub fn split(mut self, split: Split) -> Self {
        self.numbers.split = match split {
            Split::Proven => sys::SPINEL_SPLIT_PROVEN,
            Split::Never => sys::SPINEL_SPLIT_NEVER,
            Split::Always => sys::SPINEL_SPLIT_ALWAYS,
        };
        self
    }

    /// The number of SPAs. 0, the default: one for each `threads_per_spa` cores the process may use.
    pub fn spas(mut self, count: u32) -> Self {
        self.numbers.spas = number(count);
        self
    }

    /// Threads of each SPA. The default is 1.
    pub fn threads_per_spa(mut self, count: u32) -> Self {
        self.numbers.threads_per_spa = number(count);
        self
    }

    /// The rank of this process among those (`processes`) that share the machine's cores.
    pub fn rank(mut self, rank: u32, processes: u32) -> Self {
        self.numbers.rank = number(rank);
        self.numbers.ranks_on_machine = number(processes);
        self
    }

    /// A JSON file that configures the graph passes. By default every pass runs.
    pub fn pass_path(mut self, path: impl AsRef<Path>) -> Self {
        self.pass_path = Some(path.as_ref().into());
        self
    }

    /// The configuration of the graph passes as JSON text.
    pub fn pass_json(mut self, json: impl Into<String>) -> Self {
        self.pass_json = json.into();
        self
    }

    /// A path to write an engine file to, the compiled program: see [`load_engine`](EngineBuilder::load_engine).
    pub fn save_engine(mut self, path: impl AsRef<Path>) -> Self {
        self.save_engine = Some(path.as_ref().into());
        self
    }

    /// All of an engine file is verified, its weights' checksum too. The default leaves out the weights' values.
    pub fn verify_weights(mut self, yes: bool) -> Self {
        self.numbers.verify_weights = yes.into();
        self
    }

    /// Upper bounds on what the model may ask for.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Receives warnings and information, from any thread, for as long as the engine lives. A panic ends there.
    pub fn log(mut self, log: impl Fn(LogLevel, &str) + Send + Sync + 'static) -> Self {
        self.callbacks.log = Some(Box::new(Box::new(log)));
        self
    }

    /// Target "onnx" alone: absolute path of ONNX Runtime's shared library, or of the folder that holds it. The default is
    /// the dynamic loader's usual search.
    pub fn onnxruntime_path(mut self, path: impl AsRef<Path>) -> Self {
        self.onnxruntime_path = Some(path.as_ref().into());
        self
    }

    /// How long a thread waits awake for more work, in microseconds, only during a run; with 0 it sleeps at once. The
    /// default is 50.
    pub fn spin_us(mut self, microseconds: u32) -> Self {
        self.numbers.spin_us = if microseconds == 0 { -1 } else { number(microseconds) };
        self
    }

    /// Asks the system for huge pages for activations and packed weights.
    pub fn huge_pages(mut self, yes: bool) -> Self {
        self.numbers.huge_pages = yes.into();
        self
    }

    /// The output may be given on the input's buffer, such as a key-value cache: see
    /// [`Call::in_place`](crate::Call::in_place).
    pub fn alias(mut self, input: impl Into<String>, output: impl Into<String>) -> Self {
        self.aliases.push((input.into(), output.into()));
        self
    }

    /// The host's loop, used instead of threads of the engine's own: it calls the function that it is given with 0 to
    /// `count - 1`, in any order and possibly at once. What it leaves out, as by a panic, the calling thread does after
    /// it. Several threads call it if runs do.
    ///
    /// ```no_run
    /// let engine = spinel::Engine::builder()
    ///     .parallel_for(|count, task| {
    ///         std::thread::scope(|scope| (0..count).for_each(|i| drop(scope.spawn(move || task(i)))))
    ///     })
    ///     .load("model.onnx")?;
    /// # Ok::<(), spinel::Error>(())
    /// ```
    pub fn parallel_for<F>(mut self, parallel_for: F) -> Self
    where
        F: Fn(usize, &(dyn Fn(usize) + Sync)) + Send + Sync + 'static,
    {
        self.callbacks.parallel_for = Some(Box::new(Box::new(parallel_for)));
        self
    }

    /// Target "cpu": the instruction set whose kernels are used, "avx512_fp16", "avx512_vnni", "avx512", "avx2" or
    /// "portable". The default is the best that the machine has.
    pub fn isa(mut self, isa: impl Into<String>) -> Self {
        self.isa = isa.into();
        self
    }

    /// Times the candidate kernels of each layer on this machine while compiling, and keeps the fastest.
    pub fn tune(mut self, yes: bool) -> Self {
        self.numbers.tune = yes.into();
        self
    }

    /// Target "onnx" keeps what [`Call::inspect`](crate::Call::inspect) needs. Target "cpu" needs nothing.
    pub fn inspectable(mut self, yes: bool) -> Self {
        self.numbers.inspectable = yes.into();
        self
    }

    /// Operators that the model may use beside Spinel's own: a set, or an `Arc` of one for several engines.
    pub fn custom_ops(mut self, operators: impl Into<Arc<OpSet>>) -> Self {
        self.custom_ops = Some(operators.into());
        self
    }

    /// Makes the load return [`Cancelled`](crate::ErrorCode::Cancelled) soon after the token is cancelled from another
    /// thread. Runs are not concerned.
    pub fn cancel(mut self, token: &CancelToken) -> Self {
        self.cancel = Some(token.clone());
        self
    }

    /// Told by the thread that loads that a stage begins: its name ("read", "import", a pass's, "plan") and how much of the
    /// stages is done, in [0, 1]. A panic ends there.
    pub fn progress(mut self, progress: impl FnMut(&str, f64) + Send + 'static) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }
}

fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
