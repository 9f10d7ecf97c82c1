//! Loading a model with the options of a builder.

use std::ffi::CString;
use std::os::raw::c_char;
use std::path::{Path, PathBuf};
use std::ptr;

use spinel_sys as sys;

use crate::callbacks;
use crate::cancel::CancelToken;
use crate::dims::RawShapes;
use crate::engine::Engine;
use crate::error::Result;
use crate::limits::Limits;
use crate::options::EngineBuilder;
use crate::text::{c_path, c_text, or_null, pointer};

impl EngineBuilder {
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
