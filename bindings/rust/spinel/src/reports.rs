//! Where an engine's time and memory go.

use std::time::Duration;

use spinel_sys as sys;

use crate::call::Call;
use crate::cancel::CancelToken;
use crate::dims::RawShapes;
use crate::engine::Engine;
use crate::error::{check, Result};
use crate::text::{list_texts, text, texts};

/// Memory that an engine holds or will hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryReport {
    /// Constants, shared by all SPAs.
    pub weight_bytes: u64,
    /// Planned activations of one SPA.
    pub arena_bytes_per_spa: u64,
    /// Of the arena, the most scratch that one layer has.
    pub scratch_bytes_per_spa: u64,
    /// Weights and the arenas of all SPAs.
    pub total_bytes: u64,
    /// The number of SPAs.
    pub spas: usize,
    /// Values that are allocated during a run because only running tells their size.
    pub unplanned: Vec<String>,
}

/// One place that a pass changed, or looked at and left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PassNote {
    /// The node.
    pub node: String,
    /// What was done, or why not.
    pub text: String,
    /// Whether it is a candidate that was left as it is.
    pub refused: bool,
}

/// What one graph pass did to the model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PassReport {
    /// The pass.
    pub name: String,
    /// Whether the configuration left it on.
    pub enabled: bool,
    /// Places that it changed.
    pub changes: usize,
    /// What it did where.
    pub notes: Vec<PassNote>,
    /// Notes beyond those that are kept.
    pub notes_left_out: usize,
    /// Operators that it looks for, and how many nodes of them there are after it.
    pub found: Vec<(String, usize)>,
}

/// One layer of the compiled graph in one run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LayerTime {
    /// The layer.
    pub name: String,
    /// Its operator.
    pub op: String,
    /// "reference" where there is no faster one.
    pub kernel: String,
    /// The ONNX nodes that it stands for.
    pub sources: Vec<String>,
    /// Since the run began.
    pub start: Duration,
    /// How long it took.
    pub duration: Duration,
    /// Two a multiply-add, by the layer's definition; 0 where they are not counted.
    pub flops: f64,
}

/// The layers of one run in the order in which they ran.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// The whole run.
    pub duration: Duration,
    /// Its layers.
    pub layers: Vec<LayerTime>,
}

impl Engine {
    /// The memory for runs with these shapes of the inputs; with none, the model's own, and 1 for what is dynamic.
    pub fn memory_report<S: AsRef<[usize]>>(&self, inputs: &[S]) -> Result<MemoryReport> {
        let shapes = RawShapes::new(inputs)?;
        let mut report = sys::spinel_memory_report::default();
        let mut list = std::ptr::null_mut();
        // SAFETY: all arguments live during the call, and the list that it gives is ours.
        let unplanned = unsafe {
            let (dims, count) = (shapes.as_ptr(), shapes.structs.len());
            check(|error| sys::spinel_engine_memory(self.raw(), dims, count, &mut report, &mut list, error))?;
            let names = list_texts(list);
            sys::spinel_strings_release(list);
            names
        };
        Ok(MemoryReport {
            weight_bytes: report.weight_bytes,
            arena_bytes_per_spa: report.arena_bytes_per_spa,
            scratch_bytes_per_spa: report.scratch_bytes_per_spa,
            total_bytes: report.total_bytes,
            spas: report.spas as usize,
            unplanned,
        })
    }

    /// What each graph pass did, in order; empty for targets without passes.
    pub fn pass_report(&self) -> Result<Vec<PassReport>> {
        // SAFETY: the engine lives, and with it what it describes.
        unsafe { (0..sys::spinel_engine_pass_count(self.raw())).map(|i| self.pass(i)).collect() }
    }

    unsafe fn pass(&self, index: usize) -> Result<PassReport> {
        let mut info = sys::spinel_pass_info::default();
        check(|error| sys::spinel_engine_pass(self.raw(), index, &mut info, error))?;
        let notes = (0..info.note_count).map(|i| *info.notes.add(i));
        let found = (0..info.found_count).map(|i| *info.found.add(i));
        Ok(PassReport {
            name: text(info.name),
            enabled: info.enabled != 0,
            changes: info.changes,
            notes: notes
                .map(|note| PassNote {
                    node: text(note.node),
                    text: text(note.text),
                    refused: note.refused != 0,
                })
                .collect(),
            notes_left_out: info.notes_left_out,
            found: found.map(|each| (text(each.op), each.count)).collect(),
        })
    }
}

impl<'e, 'a> Call<'e, 'a> {
    /// Times every layer of one run, after a first one that is not counted. The batch runs as one part on all threads of the
    /// engine; output buffers are not used. [`Unsupported`](crate::ErrorCode::Unsupported) if the target cannot tell.
    pub fn profile(mut self) -> Result<Profile> {
        let inputs = self.raw_inputs()?;
        let token = self.token().map_or(std::ptr::null(), CancelToken::raw);
        let mut profile = std::ptr::null_mut();
        // SAFETY: the views are borrowed during the call; what it gives is released.
        unsafe {
            let (data, count) = (inputs.structs.as_ptr(), inputs.structs.len());
            let engine = self.engine().raw();
            check(|error| sys::spinel_engine_profile(engine, data, count, token, &mut profile, error))?;
            let layers: Result<Vec<_>> =
                (0..sys::spinel_profile_layer_count(profile)).map(|i| layer(profile, i)).collect();
            let duration = nanoseconds(sys::spinel_profile_duration_ns(profile));
            sys::spinel_profile_release(profile);
            Ok(Profile { duration, layers: layers? })
        }
    }
}

unsafe fn layer(profile: *const sys::spinel_profile, index: usize) -> Result<LayerTime> {
    let mut layer = sys::spinel_layer_time::default();
    check(|error| sys::spinel_profile_layer(profile, index, &mut layer, error))?;
    Ok(LayerTime {
        name: text(layer.name),
        op: text(layer.op),
        kernel: text(layer.kernel),
        sources: texts(layer.sources, layer.source_count),
        start: nanoseconds(layer.start_ns),
        duration: nanoseconds(layer.duration_ns),
        flops: layer.flops,
    })
}

fn nanoseconds(count: i64) -> Duration {
    Duration::from_nanos(u64::try_from(count).unwrap_or(0))
}
