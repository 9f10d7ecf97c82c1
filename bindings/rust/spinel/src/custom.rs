//! Operators that Spinel lacks.

use std::fmt;
use std::path::Path;

use spinel_sys as sys;

use crate::error::{check, Result};
use crate::operator::CustomOp;
use crate::text::c_path;

/// Operators for models that use more than Spinel's own: see
/// [`EngineBuilder::custom_ops`](crate::EngineBuilder::custom_ops). They are [`CustomOp`]s, or come from shared libraries in
/// any language that has a C ABI, Rust too: a crate of type `cdylib` that exports `spinel_custom_ops` needs nothing but the
/// declarations of `spinel-sys`.
///
/// ```no_run
/// use spinel::{Engine, OpSet};
///
/// let mut operators = OpSet::new()?;
/// operators.load("/path/to/libcustom_add.so")?;
/// let engine = Engine::builder().custom_ops(operators).load("model.onnx")?;
/// # Ok::<(), spinel::Error>(())
/// ```
pub struct OpSet(*mut sys::spinel_op_set);

// SAFETY: calls that change a set take it mutably; others may come from any thread.
unsafe impl Send for OpSet {}
unsafe impl Sync for OpSet {}

impl OpSet {
    /// An empty set.
    pub fn new() -> Result<Self> {
        let mut set = std::ptr::null_mut();
        // SAFETY: both pointers are valid.
        check(|error| unsafe { sys::spinel_op_set_create(&mut set, error) })?;
        Ok(OpSet(set))
    }

    /// Loads the shared library, which exports `spinel_custom_ops`, and adds its operators. The path is that of a file;
    /// nothing is searched for. Loading runs the library's code with all rights of the process: trust it as you trust a
    /// crate that you link. It is unloaded when neither a set nor an engine uses it.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = c_path(path.as_ref())?;
        // SAFETY: the set lives, and nobody else uses it.
        check(|error| unsafe { sys::spinel_op_set_load(self.0, path.as_ptr(), error) })
    }

    /// Adds an operator.
    pub fn add(&mut self, operator: CustomOp) -> Result<()> {
        operator.add_to(self.0)
    }

    pub(crate) fn raw(&self) -> *const sys::spinel_op_set {
        self.0
    }
}

impl Drop for OpSet {
    fn drop(&mut self) {
        // SAFETY: the set is ours.
        unsafe { sys::spinel_op_set_release(self.0) };
    }
}

impl fmt::Debug for OpSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("OpSet")
    }
}
