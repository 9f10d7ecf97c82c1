//! ONNX files to ONNX files: simplified, or in float16.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::raw::c_char;
use std::path::{Path, PathBuf};

use spinel_sys as sys;

use crate::custom::OpSet;
use crate::dims::raw_dims;
use crate::error::{check, Result};
use crate::limits::Limits;
use crate::text::{c_path, c_text, or_null, owned_list, path, text, texts};

/// How a new file is compared with the old one: both are run by target "cpu" on the same random inputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckOptions {
    /// How often; 0 is no check. `None`: 3 times, or once after [`convert_model`].
    pub runs: Option<u32>,
    /// A model that cannot be run, such as one with an unknown operator, is a failure.
    pub required: bool,
    /// Shapes of inputs for the check alone; without them some are tried.
    pub input_shapes: Vec<(String, Vec<usize>)>,
    /// Greatest difference over the greatest magnitude of an output that is accepted. `None`: 1e-5 for float32, 5e-3 for 16-bit
    /// floats; 0.05 after [`convert_model`]. Integers, bools and strings must be equal.
    pub tolerance: Option<f64>,
}

/// What to simplify. The default suits every model.
#[derive(Debug, Default)]
pub struct SimplifyOptions<'o> {
    /// New dims of inputs; 0 leaves a dim as it is. A dim's name stands for one number in the whole model.
    pub input_shapes: Vec<(String, Vec<usize>)>,
    /// Of [`simplify_steps`], to leave out.
    pub skip_steps: Vec<String>,
    /// Bytes by which a folded constant may exceed what vanishes with it. `None`: 1 MiB.
    pub max_folded_bytes: Option<u64>,
    /// Puts the bodies of the model's functions in place of their calls.
    pub inline_functions: bool,
    /// Weights that are listed as inputs stay.
    pub keep_initializer_inputs: bool,
    /// Weights go into a second file, `OUT.data`.
    pub external_data: bool,
    /// How the files are compared.
    pub check: CheckOptions,
    /// Replace the library's limits.
    pub limits: Option<Limits>,
    /// Operators that the model may use beside Spinel's own.
    pub custom_ops: Option<&'o OpSet>,
}

/// What to convert to float16, and what not.
#[derive(Debug, Default)]
pub struct ConvertOptions<'o> {
    /// Operators that stay in float32, with casts around them.
    pub keep_ops: Vec<String>,
    /// Nodes that do.
    pub keep_nodes: Vec<String>,
    /// Of [`float16_keep_list`], or of other domains: to be converted, too.
    pub convert_ops: Vec<String>,
    /// Inputs that stay float32.
    pub keep_inputs: Vec<String>,
    /// All inputs and outputs stay as they are.
    pub keep_io_types: bool,
    /// Weights go into a second file, `OUT.data`.
    pub external_data: bool,
    /// How the files are compared.
    pub check: CheckOptions,
    /// Replace the library's limits.
    pub limits: Option<Limits>,
    /// Operators that the model may use beside Spinel's own.
    pub custom_ops: Option<&'o OpSet>,
}

/// What a tool has done.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ToolReport {
    /// Of the model's files, with external data.
    pub bytes_before: u64,
    /// The same of what was written.
    pub bytes_after: u64,
    /// How many nodes of each operator there were, in subgraphs and functions too.
    pub operators_before: BTreeMap<String, usize>,
    /// And how many there are.
    pub operators_after: BTreeMap<String, usize>,
    /// Simplifying: each step, and the places that it has changed.
    pub changes: Vec<(String, usize)>,
    /// What was written.
    pub files: Vec<PathBuf>,
    /// What the user should know, one sentence each.
    pub notes: Vec<String>,
    /// Converting: nodes that stay in float32, as `name (operator)`.
    pub kept: Vec<String>,
    /// Converting: constants that have lost values.
    pub clamped: Vec<Clamped>,
    /// Converting: constants that were converted.
    pub converted_tensors: usize,
    /// Why nothing was compared; empty: it was, or was not asked for.
    pub check_skipped: String,
    /// How often the files were compared.
    pub check_runs: usize,
    /// Every output of every run had the same bits.
    pub bit_equal: bool,
    /// The greatest `|new - old|`.
    pub max_difference: f64,
    /// The greatest `|new - old|` of an output over the greatest `|old|` of it.
    pub relative_difference: f64,
    /// The greatest `||new - old|| / ||old||` of an output.
    pub diff2: f64,
}

/// A constant whose values float16 could not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Clamped {
    /// Of the constant.
    pub name: String,
    /// That it has.
    pub elements: usize,
    /// Elements that became ±65504.
    pub clamped: usize,
    /// Elements other than 0 that became 0.
    pub flushed: usize,
}

/// Writes a model that computes the same with fewer nodes, and compares the two. The file `out` appears whole or not at all; it
/// does not if the new model computes something else, which is [`Internal`](crate::ErrorCode::Internal).
///
/// ```no_run
/// let report = spinel::simplify_model("model.onnx", "small.onnx", &Default::default())?;
/// println!("{} bytes became {}", report.bytes_before, report.bytes_after);
/// # Ok::<(), spinel::Error>(())
/// ```
pub fn simplify_model(
    model: impl AsRef<Path>,
    out: impl AsRef<Path>,
    options: &SimplifyOptions<'_>,
) -> Result<ToolReport> {
    let (model, out) = (c_path(model.as_ref())?, c_path(out.as_ref())?);
    let shapes = NamedShapes::new(&options.input_shapes)?;
    let skipped = Names::new(&options.skip_steps)?;
    let check_shapes = NamedShapes::new(&options.check.input_shapes)?;
    let check = raw_check(&options.check, &check_shapes, None);
    let limits = options.limits.as_ref().map(Limits::raw);
    let mut raw = sys::spinel_simplify_options::default();
    // SAFETY: the struct has that size.
    unsafe { sys::spinel_simplify_options_init(&mut raw, raw.struct_size) };
    raw.input_shapes = or_null(&shapes.structs);
    raw.input_shape_count = shapes.structs.len();
    raw.skip_steps = or_null(&skipped.pointers);
    raw.skip_step_count = skipped.pointers.len();
    raw.max_folded_bytes = options.max_folded_bytes.unwrap_or(raw.max_folded_bytes);
    raw.inline_functions = options.inline_functions.into();
    raw.keep_initializer_inputs = options.keep_initializer_inputs.into();
    raw.external_data = options.external_data.into();
    raw.check = &check;
    raw.limits = limits.as_ref().map_or(std::ptr::null(), |limits| limits);
    raw.custom_ops = options.custom_ops.map_or(std::ptr::null(), OpSet::raw);
    // SAFETY: all arguments live during the call.
    report(|report, error| unsafe {
        sys::spinel_simplify_model(model.as_ptr(), out.as_ptr(), &raw, report, error)
    })
}

/// Writes a model whose float32 values are float16 (weights, inputs, outputs and what is computed between them), and compares
/// the two, as [`simplify_model`] does.
pub fn convert_model(
    model: impl AsRef<Path>,
    out: impl AsRef<Path>,
    options: &ConvertOptions<'_>,
) -> Result<ToolReport> {
    let (model, out) = (c_path(model.as_ref())?, c_path(out.as_ref())?);
    let kept_ops = Names::new(&options.keep_ops)?;
    let kept_nodes = Names::new(&options.keep_nodes)?;
    let converted_ops = Names::new(&options.convert_ops)?;
    let kept_inputs = Names::new(&options.keep_inputs)?;
    let check_shapes = NamedShapes::new(&options.check.input_shapes)?;
    let check = raw_check(&options.check, &check_shapes, Some((1, 0.05)));
    let limits = options.limits.as_ref().map(Limits::raw);
    let mut raw = sys::spinel_convert_options::default();
    // SAFETY: the struct has that size.
    unsafe { sys::spinel_convert_options_init(&mut raw, raw.struct_size) };
    raw.keep_ops = or_null(&kept_ops.pointers);
    raw.keep_op_count = kept_ops.pointers.len();
    raw.keep_nodes = or_null(&kept_nodes.pointers);
    raw.keep_node_count = kept_nodes.pointers.len();
    raw.convert_ops = or_null(&converted_ops.pointers);
    raw.convert_op_count = converted_ops.pointers.len();
    raw.keep_inputs = or_null(&kept_inputs.pointers);
    raw.keep_input_count = kept_inputs.pointers.len();
    raw.dtype = sys::SPINEL_FLOAT16;
    raw.keep_io_types = options.keep_io_types.into();
    raw.external_data = options.external_data.into();
    raw.check = &check;
    raw.limits = limits.as_ref().map_or(std::ptr::null(), |limits| limits);
    raw.custom_ops = options.custom_ops.map_or(std::ptr::null(), OpSet::raw);
    // SAFETY: all arguments live during the call.
    report(|report, error| unsafe {
        sys::spinel_convert_model(model.as_ptr(), out.as_ptr(), &raw, report, error)
    })
}

/// The steps of [`simplify_model`], in order.
pub fn simplify_steps() -> Result<Vec<String>> {
    // SAFETY: both pointers are valid.
    owned_list(|list, error| unsafe { sys::spinel_simplify_steps(list, error) })
}

/// The operators that [`convert_model`] leaves in float32 unless `convert_ops` names them.
pub fn float16_keep_list() -> Result<Vec<String>> {
    // SAFETY: both pointers are valid.
    owned_list(|list, error| unsafe { sys::spinel_float16_keep_list(list, error) })
}

/// Names as the C ABI takes them; the texts lie in `self`.
struct Names {
    pointers: Vec<*const c_char>,
    _texts: Vec<CString>,
}

impl Names {
    fn new(names: &[String]) -> Result<Self> {
        let texts = names.iter().map(|name| c_text(name, "the name")).collect::<Result<Vec<_>>>()?;
        Ok(Names { pointers: texts.iter().map(|text| text.as_ptr()).collect(), _texts: texts })
    }
}

/// Dims of inputs as the C ABI takes them; the names and dims lie in `self`.
struct NamedShapes {
    structs: Vec<sys::spinel_named_shape>,
    _owned: Vec<(CString, Vec<i64>)>,
}

impl NamedShapes {
    fn new(shapes: &[(String, Vec<usize>)]) -> Result<Self> {
        let owned = shapes
            .iter()
            .map(|(name, shape)| Ok((c_text(name, "the input")?, raw_dims(shape)?)))
            .collect::<Result<Vec<_>>>()?;
        let structs = owned
            .iter()
            .map(|(name, dims)| sys::spinel_named_shape {
                name: name.as_ptr(),
                dims: dims.as_ptr(),
                rank: dims.len(),
            })
            .collect();
        Ok(NamedShapes { structs, _owned: owned })
    }
}

/// `otherwise` are the runs and the tolerance where they are not given; `None`: the library's.
fn raw_check(
    options: &CheckOptions,
    shapes: &NamedShapes,
    otherwise: Option<(i32, f64)>,
) -> sys::spinel_check_options {
    let mut raw = sys::spinel_check_options::default();
    // SAFETY: the struct has that size.
    unsafe { sys::spinel_check_options_init(&mut raw, raw.struct_size) };
    if let Some((runs, tolerance)) = otherwise {
        raw.runs = runs;
        raw.tolerance = tolerance;
    }
    raw.runs = options.runs.map_or(raw.runs, |runs| i32::try_from(runs).unwrap_or(i32::MAX));
    raw.required = options.required.into();
    raw.input_shapes = or_null(&shapes.structs);
    raw.input_shape_count = shapes.structs.len();
    raw.tolerance = options.tolerance.unwrap_or(raw.tolerance);
    raw
}

fn report(
    call: impl FnOnce(*mut *mut sys::spinel_tool_report, *mut *mut sys::spinel_error) -> i32,
) -> Result<ToolReport> {
    let mut made = std::ptr::null_mut();
    check(|error| call(&mut made, error))?;
    let mut info = sys::spinel_tool_info::default();
    // SAFETY: the report is ours, and what `info` points to lives until it is released.
    unsafe {
        let described = check(|error| sys::spinel_tool_report_describe(made, &mut info, error));
        let out = described.map(|()| read(&info));
        sys::spinel_tool_report_release(made);
        out
    }
}

fn size(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}

/// # Safety
/// The library filled in the struct, and what it points to lives.
unsafe fn read(info: &sys::spinel_tool_info) -> ToolReport {
    let counts = |counts: *const sys::spinel_count, count: usize| {
        (0..count).map(move |i| {
            let each = &*counts.add(i);
            (text(each.name), size(each.count))
        })
    };
    let clamped = |i| {
        let each = &*info.clamped.add(i);
        Clamped {
            name: text(each.name),
            elements: size(each.elements),
            clamped: size(each.clamped),
            flushed: size(each.flushed),
        }
    };
    ToolReport {
        bytes_before: info.bytes_before,
        bytes_after: info.bytes_after,
        operators_before: counts(info.operators_before, info.operator_before_count).collect(),
        operators_after: counts(info.operators_after, info.operator_after_count).collect(),
        changes: counts(info.changes, info.change_count).collect(),
        files: (0..info.file_count).map(|i| path(*info.files.add(i))).collect(),
        notes: texts(info.notes, info.note_count),
        kept: texts(info.kept, info.kept_count),
        clamped: (0..info.clamped_count).map(clamped).collect(),
        converted_tensors: size(info.converted_tensors),
        check_skipped: text(info.check_skipped),
        check_runs: usize::try_from(info.check_runs).unwrap_or(0),
        bit_equal: info.bit_equal != 0,
        max_difference: info.max_difference,
        relative_difference: info.relative_difference,
        diff2: info.diff2,
    }
}
