//! From scores to answers.

use std::fmt;
use std::path::Path;

use spinel_sys as sys;

use crate::error::{check, Error, Result};
use crate::tensor::Tensor;
use crate::text::{c_path, owned_list};
use crate::view::{RawTensors, TensorView};

/// A class and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// The class's index.
    pub class: usize,
    /// Its probability, or what the network gave.
    pub score: f32,
}

/// Whether scores are turned into probabilities first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scores {
    /// They are the network's, and become probabilities by softmax.
    Logits,
    /// They are taken as they are.
    Probabilities,
}

/// The `k` best classes of each row of scores, best first: float32 or float16, `[N, classes]` (or `[classes]`, or trailing
/// dims of 1). A row with NaN is [`BadData`](crate::ErrorCode::BadData).
///
/// ```
/// use spinel::{top_k, Scores, TensorView};
///
/// let best = top_k(TensorView::new(&[1, 3], &[0.2f32, 0.7, 0.1])?, 2, Scores::Probabilities)?;
/// assert_eq!((best[0][0].class, best[0][1].class), (1, 0));
/// # Ok::<(), spinel::Error>(())
/// ```
pub fn top_k<'a>(scores: impl Into<TensorView<'a>>, k: usize, kind: Scores) -> Result<Vec<Vec<Answer>>> {
    let scores = scores.into();
    // A single row has one dim.
    let (rows, classes) = match scores.shape() {
        [] => (1, 1),
        [classes] => (1, *classes),
        [rows, classes, ..] => (*rows, *classes),
    };
    let capacity = rows.checked_mul(k.min(classes)).ok_or_else(|| Error::invalid("k is too large"))?;
    let (mut indices, mut values, mut per_row) = (vec![0i64; capacity], vec![0f32; capacity], 0);
    let raw = RawTensors::inputs(&[scores])?;
    // SAFETY: the arrays have that length.
    check(|error| unsafe {
        sys::spinel_top_k(
            raw.structs.as_ptr(),
            (kind == Scores::Logits).into(),
            k,
            indices.as_mut_ptr(),
            values.as_mut_ptr(),
            capacity,
            &mut per_row,
            error,
        )
    })?;
    let answers: Vec<Answer> =
        indices.iter().zip(values).map(|(class, score)| Answer { class: *class as usize, score }).collect();
    if per_row == 0 {
        return Ok(vec![Vec::new(); rows]);
    }
    Ok(answers.chunks(per_row).take(rows).map(<[Answer]>::to_vec).collect())
}

/// Reads the names of classes from a synset file ("n02124075 Egyptian cat": the name follows the first space).
pub fn load_labels(path: impl AsRef<Path>) -> Result<Vec<String>> {
    load_labels_of(path, 0)
}

/// As [`load_labels`]; another number of labels than `classes` is an error.
pub fn load_labels_of(path: impl AsRef<Path>, classes: usize) -> Result<Vec<String>> {
    let path = c_path(path.as_ref())?;
    // SAFETY: the arguments live.
    owned_list(|list, error| unsafe { sys::spinel_labels_load(path.as_ptr(), classes, list, error) })
}

/// Softmax over the last axis of float32 or float16 scores: float32 of the same shape.
pub fn softmax<'a>(logits: impl Into<TensorView<'a>>) -> Result<Tensor> {
    let raw = RawTensors::inputs(&[logits.into()])?;
    let mut out = sys::spinel_tensor::default();
    // SAFETY: the view is borrowed during the call, and the library fills in the result.
    unsafe {
        check(|error| sys::spinel_softmax(raw.structs.as_ptr(), &mut out, error))?;
        Ok(Tensor::from_library(out))
    }
}

/// Counts right answers over batches; every sample weighs the same.
pub struct Accuracy(*mut sys::spinel_accuracy);

// SAFETY: only calls that change a counter must not overlap, and they take it mutably.
unsafe impl Send for Accuracy {}
unsafe impl Sync for Accuracy {}

impl Drop for Accuracy {
    fn drop(&mut self) {
        // SAFETY: the counter is ours.
        unsafe { sys::spinel_accuracy_release(self.0) };
    }
}

/// What an [`Accuracy`] counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AccuracyCounts {
    /// Of the top-k count.
    pub k: usize,
    /// Samples.
    pub count: usize,
    /// Samples whose best class is the label.
    pub top1_hits: usize,
    /// Samples with the label among their k best classes.
    pub topk_hits: usize,
    /// `top1_hits / count`; 0 before the first sample.
    pub top1: f64,
    /// `topk_hits / count`; 0 before the first sample.
    pub topk: f64,
}

impl Accuracy {
    /// A counter at 0. `k`, at least 1, is that of the top-k count.
    pub fn new(k: usize) -> Result<Self> {
        let mut out = std::ptr::null_mut();
        let k = i64::try_from(k).unwrap_or(i64::MAX);
        // SAFETY: the pointers are valid.
        check(|error| unsafe { sys::spinel_accuracy_create(k, &mut out, error) })?;
        Ok(Accuracy(out))
    }

    /// Counts a batch: scores `[N, classes]`, float32 or float16, and N labels. Ties go to the lower class, a row with NaN
    /// counts as wrong. If it fails nothing is counted.
    pub fn add<'a>(&mut self, scores: impl Into<TensorView<'a>>, labels: &[usize]) -> Result<()> {
        let labels: Vec<i64> = labels.iter().map(|label| i64::try_from(*label).unwrap_or(i64::MAX)).collect();
        let raw = RawTensors::inputs(&[scores.into()])?;
        // SAFETY: all arguments live.
        check(|error| unsafe {
            sys::spinel_accuracy_add(self.0, raw.structs.as_ptr(), labels.as_ptr(), labels.len(), error)
        })
    }

    /// Adds another counter's counts; its k must be the same.
    pub fn merge(&mut self, other: &Accuracy) -> Result<()> {
        // SAFETY: both live.
        check(|error| unsafe { sys::spinel_accuracy_merge(self.0, other.0, error) })
    }

    /// The counts so far.
    pub fn counts(&self) -> Result<AccuracyCounts> {
        let mut raw = sys::spinel_accuracy_counts::default();
        // SAFETY: the counter lives.
        check(|error| unsafe { sys::spinel_accuracy_get(self.0, &mut raw, error) })?;
        Ok(AccuracyCounts {
            k: raw.k as usize,
            count: raw.count as usize,
            top1_hits: raw.top1_hits as usize,
            topk_hits: raw.topk_hits as usize,
            top1: raw.top1,
            topk: raw.topk,
        })
    }
}

impl fmt::Debug for Accuracy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Accuracy ({:?})", self.counts())
    }
}

/// How far a tensor a is from a tensor b; sums are taken in double.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// sqrt(sum (a-b)² / sum b²); infinite if only the numerator is not 0.
    pub diff2: f64,
    /// Maximum of |a-b|/|b| where |b| > threshold, of |a-b| elsewhere.
    pub diff3_max: f64,
    /// Mean of the same.
    pub diff3_mean: f64,
    /// Maximum of |a-b|.
    pub abs_max: f64,
    /// Elements compared.
    pub count: usize,
    /// NaNs of `actual`.
    pub nan_actual: usize,
    /// NaNs of `expected`.
    pub nan_expected: usize,
    /// Infinite elements of `actual`.
    pub inf_actual: usize,
    /// Infinite elements of `expected`.
    pub inf_expected: usize,
    /// Pairs of which one is NaN or infinite and the other is not the same; if there is one, the measures are infinite.
    pub mismatched_nonfinite: usize,
}

/// Compares tensors of equal shapes, whose dtypes may be any numeric ones. Without a threshold it is 1e-4 if `actual` is
/// of a 16-bit float type, else 1e-6.
pub fn difference<'a, 'b>(
    actual: impl Into<TensorView<'a>>,
    expected: impl Into<TensorView<'b>>,
    threshold: Option<f64>,
) -> Result<Difference> {
    let (actual, expected) = (RawTensors::inputs(&[actual.into()])?, RawTensors::inputs(&[expected.into()])?);
    let mut raw = sys::spinel_difference::default();
    // SAFETY: the views are borrowed during the call.
    check(|error| unsafe {
        let (actual, expected) = (actual.structs.as_ptr(), expected.structs.as_ptr());
        sys::spinel_tensor_difference(actual, expected, threshold.unwrap_or(-1.0), &mut raw, error)
    })?;
    Ok(Difference {
        diff2: raw.diff2,
        diff3_max: raw.diff3_max,
        diff3_mean: raw.diff3_mean,
        abs_max: raw.abs_max,
        count: raw.count as usize,
        nan_actual: raw.nan_actual as usize,
        nan_expected: raw.nan_expected as usize,
        inf_actual: raw.inf_actual as usize,
        inf_expected: raw.inf_expected as usize,
        mismatched_nonfinite: raw.mismatched_nonfinite as usize,
    })
}
