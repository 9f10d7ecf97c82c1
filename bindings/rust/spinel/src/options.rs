//! How to load a model.

use std::ffi::CString;
use std::fmt;
use std::os::raw::c_char;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;

use spinel_sys as sys;

use crate::callbacks::{self, Callbacks, LogLevel};
use crate::cancel::CancelToken;
use crate::custom::OpSet;
use crate::dims::RawShapes;
use crate::dtype::DType;
use crate::engine::Engine;
use crate::error::Result;
use crate::text::{c_path, c_text, pointer};

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

/// How to load a model: see [`Engine::builder`]. Everything has a default that suits every model.
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
    target: String,
    isa: String,
    pass_json: String,
    pass_path: Option<PathBuf>,
    save_engine: Option<PathBuf>,
    onnxruntime_path: Option<PathBuf>,
    input_names: Vec<String>,
    input_sizes: Vec<Vec<usize>>,
    pad_values: Vec<(String, f64)>,
    aliases: Vec<(String, String)>,
    limits: Option<Limits>,
    numbers: sys::spinel_engine_options,
    custom_ops: Option<Arc<OpSet>>,
    cancel: Option<CancelToken>,
    progress: Option<callbacks::Progress>,
    callbacks: Callbacks,
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

    /// Target "cpu": the instruction set whose kernels are used, "avx512_fp16", "avx512", "avx2" or "portable". The
    /// default is the best that the machine has.
    pub fn isa(mut self, isa: impl Into<String>) -> Self {
        self.isa = isa.into();
        self
    }

    /// Times the candidate kernels of each layer on this machine while compiling, and keeps the fastest.
    pub fn tune(mut self, yes: bool) -> Self {
        self.numbers.tune = yes.into();
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

    /// Loads an ONNX file. Every operator that is not supported is listed in the error.
    pub fn load(self, path: impl AsRef<Path>) -> Result<Engine> {
        let path = c_path(path.as_ref())?;
        self.create(None, |options, engine, error| {
            // SAFETY: all arguments live during the call.
            unsafe { sys::spinel_engine_create(path.as_ptr(), options, engine, error) }
        })
    }

    /// Loads a model from memory, which is copied where it is needed. External data is an error.
    pub fn load_bytes(self, model: &[u8]) -> Result<Engine> {
        self.load_memory(model, None)
    }

    /// As [`load_bytes`](EngineBuilder::load_bytes), with the folder where external data is looked for.
    pub fn load_bytes_in(self, model: &[u8], folder: impl AsRef<Path>) -> Result<Engine> {
        self.load_memory(model, Some(folder.as_ref()))
    }

    /// Loads an engine file that `save_engine` wrote instead of compiling; an error if it was built by another version, for
    /// another instruction set, or with other options than those given here.
    pub fn load_engine(self, path: impl AsRef<Path>) -> Result<Engine> {
        self.create(Some(path.as_ref()), |options, engine, error| {
            // SAFETY: all arguments live during the call.
            unsafe { sys::spinel_engine_create(ptr::null(), options, engine, error) }
        })
    }

    fn load_memory(self, model: &[u8], folder: Option<&Path>) -> Result<Engine> {
        let folder = folder.map(c_path).transpose()?;
        self.create(None, |options, engine, error| {
            // SAFETY: all arguments live during the call.
            unsafe {
                let (data, size) = (model.as_ptr().cast(), model.len());
                sys::spinel_engine_create_from_memory(data, size, pointer(&folder), options, engine, error)
            }
        })
    }

    fn create(
        mut self,
        load_engine: Option<&Path>,
        call: impl FnOnce(
            *const sys::spinel_engine_options,
            *mut *mut sys::spinel_engine,
            *mut *mut sys::spinel_error,
        ) -> i32,
    ) -> Result<Engine> {
        let path = |path: &Option<PathBuf>| path.as_deref().map(c_path).transpose();
        let word = |word: &str, what: &str| match word {
            "" => Ok(None),
            _ => c_text(word, what).map(Some),
        };
        let target = word(&self.target, "target")?;
        let isa = word(&self.isa, "isa")?;
        let pass_json = word(&self.pass_json, "pass_json")?;
        let pass_path = path(&self.pass_path)?;
        let save_engine = path(&self.save_engine)?;
        let load_engine = load_engine.map(c_path).transpose()?;
        let onnxruntime_path = path(&self.onnxruntime_path)?;
        let names =
            self.input_names.iter().map(|name| c_text(name, "the input")).collect::<Result<Vec<_>>>()?;
        let name_pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        let shapes = RawShapes::new(&self.input_sizes)?;
        let pad_names =
            self.pad_values.iter().map(|(name, _)| c_text(name, "the input")).collect::<Result<Vec<_>>>()?;
        let pads: Vec<_> = pad_names
            .iter()
            .zip(&self.pad_values)
            .map(|(name, (_, value))| sys::spinel_pad_value { input: name.as_ptr(), value: *value })
            .collect();
        let alias_names = self
            .aliases
            .iter()
            .map(|(input, output)| Ok((c_text(input, "the input")?, c_text(output, "the output")?)))
            .collect::<Result<Vec<(CString, CString)>>>()?;
        let aliases: Vec<_> = alias_names
            .iter()
            .map(|(input, output)| sys::spinel_alias { input: input.as_ptr(), output: output.as_ptr() })
            .collect();
        let limits = self.limits.as_ref().map(Limits::raw);

        let mut options = sys::spinel_engine_options {
            target: pointer(&target),
            isa: pointer(&isa),
            pass_json: pointer(&pass_json),
            pass_path: pointer(&pass_path),
            save_engine: pointer(&save_engine),
            load_engine: pointer(&load_engine),
            onnxruntime_path: pointer(&onnxruntime_path),
            input_names: or_null(&name_pointers),
            input_name_count: name_pointers.len(),
            input_sizes: shapes.as_ptr(),
            input_size_count: shapes.structs.len(),
            pad_values: or_null(&pads),
            pad_value_count: pads.len(),
            aliases: or_null(&aliases),
            alias_count: aliases.len(),
            limits: limits.as_ref().map_or(ptr::null(), |limits| limits),
            custom_ops: self.custom_ops.as_ref().map_or(ptr::null(), |set| set.raw()),
            cancel: self.cancel.as_ref().map_or(ptr::null(), CancelToken::raw),
            ..self.numbers
        };
        if let Some(log) = &self.callbacks.log {
            options.log = Some(callbacks::write_log);
            options.log_user = &**log as *const callbacks::Log as *mut _;
        }
        if let Some(parallel_for) = &self.callbacks.parallel_for {
            options.parallel_for = Some(callbacks::run_loop);
            options.parallel_for_user = &**parallel_for as *const callbacks::Loop as *mut _;
        }
        if let Some(progress) = &mut self.progress {
            options.progress = Some(callbacks::tell_progress);
            options.progress_user = progress as *mut callbacks::Progress as *mut _;
        }
        let mut engine = ptr::null_mut();
        crate::error::check(|error| call(&options, &mut engine, error))?;
        // SAFETY: the engine is ours, and the callbacks it was given are handed on with it.
        unsafe { Engine::from_raw(engine, self.callbacks, self.aliases) }
    }
}

fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn or_null<T>(values: &[T]) -> *const T {
    if values.is_empty() {
        ptr::null()
    } else {
        values.as_ptr()
    }
}
