//! Folders of images, in batches.

use std::ffi::CString;
use std::fmt;
use std::path::{Path, PathBuf};

use spinel_sys as sys;

use crate::error::{check, Error, ErrorCode, Result};
use crate::image::Preprocess;
use crate::tensor::Tensor;
use crate::text::{c_path, list_texts, path, text};
use crate::view::TensorView;

/// Files and their classes.
pub struct Dataset(*mut sys::spinel_dataset);

// SAFETY: a dataset is immutable, and the library lets any thread use it.
unsafe impl Send for Dataset {}
unsafe impl Sync for Dataset {}

impl Drop for Dataset {
    fn drop(&mut self) {
        // SAFETY: the dataset is ours.
        unsafe { sys::spinel_dataset_release(self.0) };
    }
}

impl Dataset {
    /// The images of `root/CLASS/IMAGE`: classes sorted by name, a class's index is its label, images sorted within their
    /// class.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        let root = c_path(root.as_ref())?;
        // SAFETY: the arguments live.
        Dataset::create(|out, error| unsafe { sys::spinel_dataset_open(root.as_ptr(), out, error) })
    }

    /// The files of one folder in name order, without classes.
    pub fn list(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = c_path(folder.as_ref())?;
        // SAFETY: the arguments live.
        Dataset::create(|out, error| unsafe { sys::spinel_dataset_list(folder.as_ptr(), out, error) })
    }

    /// The given files and their labels, `None` where a class is not known. No file is opened.
    pub fn from_files<P: AsRef<Path>>(files: impl IntoIterator<Item = (P, Option<usize>)>) -> Result<Self> {
        let mut paths: Vec<CString> = Vec::new();
        let mut labels = Vec::new();
        for (path, label) in files {
            paths.push(c_path(path.as_ref())?);
            labels.push(label.map_or(-1, |label| i64::try_from(label).unwrap_or(i64::MAX)));
        }
        let pointers: Vec<_> = paths.iter().map(|path| path.as_ptr()).collect();
        // SAFETY: the arguments live.
        Dataset::create(|out, error| unsafe {
            sys::spinel_dataset_create(pointers.as_ptr(), labels.as_ptr(), labels.len(), out, error)
        })
    }

    fn create(
        call: impl FnOnce(*mut *mut sys::spinel_dataset, *mut *mut sys::spinel_error) -> i32,
    ) -> Result<Self> {
        let mut out = std::ptr::null_mut();
        check(|error| call(&mut out, error))?;
        Ok(Dataset(out))
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        // SAFETY: the dataset lives.
        unsafe { sys::spinel_dataset_size(self.0) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The file and the label of one sample.
    pub fn sample(&self, index: usize) -> Result<(PathBuf, Option<usize>)> {
        let mut sample = sys::spinel_sample::default();
        // SAFETY: the dataset lives, and with it the path.
        unsafe {
            check(|error| sys::spinel_dataset_sample(self.0, index, &mut sample, error))?;
            Ok((path(sample.path), usize::try_from(sample.label).ok()))
        }
    }

    /// The names of the classes in the order of their labels.
    pub fn classes(&self) -> Vec<String> {
        // SAFETY: the dataset lives, and with it the list.
        unsafe { list_texts(sys::spinel_dataset_classes(self.0)) }
    }

    /// What lies in the folder and is not part of the dataset, a message each.
    pub fn notes(&self) -> Vec<String> {
        // SAFETY: the dataset lives, and with it the list.
        unsafe { list_texts(sys::spinel_dataset_notes(self.0)) }
    }

    /// Preprocesses the samples in batches, ahead of time: see [`Loader`].
    pub fn loader(&self, preprocess: &Preprocess, options: &LoaderOptions) -> Result<Loader> {
        let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let options = sys::spinel_loader_options {
            batch_size: i64::try_from(options.batch_size).unwrap_or(i64::MAX),
            max_batches: i64::try_from(options.max_batches.unwrap_or(0)).unwrap_or(i64::MAX),
            workers: number(options.workers),
            prefetch: number(options.prefetch),
            drop_last: options.drop_last.into(),
            rank: number(options.rank),
            world: number(options.world),
            ..Default::default()
        };
        let mut out = std::ptr::null_mut();
        preprocess.with_options(|preprocess| {
            // SAFETY: all arguments live.
            check(|error| unsafe { sys::spinel_loader_create(self.0, preprocess, &options, &mut out, error) })
        })?;
        Ok(Loader(out))
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Dataset ({} samples)", self.len())
    }
}

/// How samples are put into batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderOptions {
    /// Samples a batch, at least 1.
    pub batch_size: usize,
    /// Stop after so many.
    pub max_batches: Option<usize>,
    /// Threads that preprocess; 0: the caller of `next()` does the work.
    pub workers: usize,
    /// Batches prepared ahead, at least 1; bounds the memory.
    pub prefetch: usize,
    /// Leave out a last batch of fewer samples.
    pub drop_last: bool,
    /// This process's number among `world`: it takes samples rank, rank + world, ...
    pub rank: usize,
    /// Processes that share the dataset; no sample is given twice.
    pub world: usize,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        LoaderOptions {
            batch_size: 1,
            max_batches: None,
            workers: 4,
            prefetch: 2,
            drop_last: false,
            rank: 0,
            world: 1,
        }
    }
}

/// Batches of a dataset, preprocessed ahead of time in threads that end with it.
///
/// ```no_run
/// use spinel::{Dataset, LoaderOptions, Preprocess};
///
/// let dataset = Dataset::open("images")?;
/// for batch in dataset.loader(&Preprocess::imagenet(), &LoaderOptions { batch_size: 16, ..Default::default() })? {
///     println!("{:?}", batch?.labels());
/// }
/// # Ok::<(), spinel::Error>(())
/// ```
pub struct Loader(*mut sys::spinel_loader);

// SAFETY: any one thread at a time may use a loader.
unsafe impl Send for Loader {}

impl Drop for Loader {
    fn drop(&mut self) {
        // SAFETY: the loader is ours.
        unsafe { sys::spinel_loader_release(self.0) };
    }
}

/// What the batches given since the start amount to: `attempted` = `done` + `rejected`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ledger {
    /// Samples that were tried.
    pub attempted: usize,
    /// Samples that are in batches.
    pub done: usize,
    /// Samples that could not be used.
    pub rejected: usize,
    /// Never attempted: the short last batch under `drop_last`.
    pub dropped: usize,
}

impl Loader {
    /// Begins again with the first batch.
    pub fn restart(&mut self) -> Result<()> {
        // SAFETY: the loader lives.
        check(|error| unsafe { sys::spinel_loader_restart(self.0, error) })
    }

    /// Batches of one pass.
    pub fn batch_count(&self) -> usize {
        // SAFETY: the loader lives.
        unsafe { sys::spinel_loader_batch_count(self.0) }
    }

    /// Samples that one pass attempts.
    pub fn sample_count(&self) -> usize {
        // SAFETY: the loader lives.
        unsafe { sys::spinel_loader_sample_count(self.0) }
    }

    /// The counts so far.
    pub fn ledger(&self) -> Result<Ledger> {
        let mut raw = sys::spinel_ledger::default();
        // SAFETY: the loader lives.
        check(|error| unsafe { sys::spinel_loader_ledger(self.0, &mut raw, error) })?;
        let sys::spinel_ledger { attempted, done, rejected, dropped, .. } = raw;
        Ok(Ledger { attempted, done, rejected, dropped })
    }
}

impl Iterator for Loader {
    type Item = Result<Batch>;

    /// An image that cannot be used is in the batch's list of rejected ones and fails nothing.
    fn next(&mut self) -> Option<Self::Item> {
        let mut batch = std::ptr::null_mut();
        // SAFETY: the loader lives; the batch is ours.
        match check(|error| unsafe { sys::spinel_loader_next(self.0, &mut batch, error) }) {
            Err(error) => Some(Err(error)),
            Ok(()) if batch.is_null() => None,
            Ok(()) => Some(unsafe { Batch::from_raw(batch) }),
        }
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Loader ({} batches)", self.batch_count())
    }
}

/// A sample that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// The file.
    pub path: PathBuf,
    /// Its place in the dataset.
    pub index: usize,
    /// Why; the message contains the path.
    pub error: Error,
}

/// A batch of preprocessed images.
pub struct Batch {
    raw: *mut sys::spinel_batch,
    info: sys::spinel_batch_info,
}

// SAFETY: a batch is immutable, and the library lets any thread use it.
unsafe impl Send for Batch {}
unsafe impl Sync for Batch {}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: the batch is ours.
        unsafe { sys::spinel_batch_release(self.raw) };
    }
}

impl Batch {
    /// # Safety
    /// The batch is the library's and now this function's.
    unsafe fn from_raw(raw: *mut sys::spinel_batch) -> Result<Self> {
        let mut batch = Batch { raw, info: Default::default() };
        check(|error| sys::spinel_batch_describe(raw, &mut batch.info, error))?;
        Ok(batch)
    }

    /// `[images, 3, H, W]`; no rows when every sample was rejected.
    pub fn tensor(&self) -> TensorView<'_> {
        // SAFETY: the tensor lives as long as the batch.
        unsafe { TensorView::from_struct(&*self.info.tensor) }
    }

    /// The tensor alone, without a copy: for [`run_async`](crate::Engine::run_async).
    pub fn into_tensor(self) -> Tensor {
        let view = self.tensor();
        // SAFETY: the elements lie in the batch, which the tensor owns.
        let view = unsafe { TensorView::from_raw(view.dtype, view.dims.clone(), view.data, view.size_bytes) };
        unsafe { Tensor::from_shared(view, Box::new(self)) }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.info.size
    }

    /// Whether every sample was rejected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One a row, `None` where not known.
    pub fn labels(&self) -> Vec<Option<usize>> {
        // SAFETY: there are that many.
        (0..self.len()).map(|i| usize::try_from(unsafe { *self.info.labels.add(i) }).ok()).collect()
    }

    /// One a row: the sample's place in the dataset.
    pub fn indices(&self) -> Vec<usize> {
        // SAFETY: there are that many.
        (0..self.len()).map(|i| unsafe { *self.info.indices.add(i) }).collect()
    }

    /// One a row.
    pub fn paths(&self) -> Vec<PathBuf> {
        // SAFETY: there are that many.
        (0..self.len()).map(|i| unsafe { path(*self.info.paths.add(i)) }).collect()
    }

    /// The samples that could not be used.
    pub fn rejected(&self) -> Vec<Rejected> {
        // SAFETY: there are that many.
        let raw = (0..self.info.rejected_count).map(|i| unsafe { *self.info.rejected.add(i) });
        raw.map(|each| unsafe {
            let error = Error::new(ErrorCode::from_number(each.code), text(each.reason));
            Rejected { path: path(each.path), index: each.index, error }
        })
        .collect()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Batch ({:?}, {} rejected)", self.tensor(), self.info.rejected_count)
    }
}
