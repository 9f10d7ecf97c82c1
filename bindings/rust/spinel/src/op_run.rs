//! One run of an operator.

use std::cell::RefCell;
use std::ffi::c_void;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use spinel_sys as sys;

use crate::attributes::Attributes;
use crate::callbacks::{caught, guarded};
use crate::dims::raw_dims;
use crate::dtype::{DType, Element};
use crate::error::{Error, ErrorCode, Result};
use crate::operator::OpOutput;
use crate::view::TensorView;

/// What the function of a [`CustomOp`](crate::CustomOp) computes with: inputs, attributes, and room for the outputs.
pub struct OpRun<'r> {
    pub(crate) api: &'r sys::spinel_op_api,
    pub(crate) context: *mut sys::spinel_op_context,
    pub(crate) attributes: &'r Attributes,
    pub(crate) outputs: &'r [OpOutput],
    /// The outputs whose buffers were given out.
    pub(crate) given: RefCell<Vec<usize>>,
}

/// Calls a function of the table, all of which are there: see `check_table()`.
macro_rules! op {
    ($api:expr, $context:expr, $function:ident $(, $argument:expr)*) => {
        $api.$function.expect("the library's table is complete")($context $(, $argument)*)
    };
}
pub(crate) use op;

macro_rules! call {
    ($run:expr, $function:ident $(, $argument:expr)*) => {
        // SAFETY: the context is that of the call under way.
        unsafe { op!($run.api, $run.context, $function $(, $argument)*) }
    };
}

impl<'r> OpRun<'r> {
    /// The number of inputs that the node lists.
    pub fn input_count(&self) -> usize {
        call!(self, input_count)
    }

    /// The number of outputs that the node lists.
    pub fn output_count(&self) -> usize {
        call!(self, output_count)
    }

    /// An input; `None` if the node leaves it out.
    pub fn input(&self, index: usize) -> Option<TensorView<'r>> {
        let tensor = call!(self, input, index);
        // SAFETY: the tensor lives until the operator returns, and nobody writes to it.
        (!tensor.is_null()).then(|| unsafe { TensorView::from_struct(&*tensor) })
    }

    /// The attributes of the node.
    pub fn attributes(&self) -> &'r Attributes {
        self.attributes
    }

    /// Whether anybody reads the output. One that nobody reads need not be made.
    pub fn wants_output(&self, index: usize) -> bool {
        call!(self, wants_output, index) != 0
    }

    /// The buffer of an output of this shape, to be filled; what is in it is unspecified. It is given out once. An error if
    /// the output has another type, or `shapes` said another shape.
    pub fn output<T: Element>(&self, index: usize, shape: &[usize]) -> Result<&'r mut [T]> {
        let dtype = self.output_dtype(index)?;
        if dtype != T::DTYPE {
            return Err(Error::invalid(format!("output {index} is {dtype}, not {}", T::DTYPE)));
        }
        let count = crate::dims::Dims::new(shape).count()?;
        self.take(index)?;
        let dims = raw_dims(shape)?;
        let data: *mut c_void = call!(self, output, index, dims.as_ptr(), dims.len());
        if count == 0 {
            return Ok(&mut []);
        }
        if data.is_null() {
            let message = format!("output {index} cannot have the shape {shape:?}");
            return Err(Error::invalid(message));
        }
        // SAFETY: the buffer is that long, aligned, valid until the operator returns, and given to nobody else. Only bools
        // may hold what is no element.
        unsafe {
            if dtype == DType::Bool {
                std::ptr::write_bytes(data.cast::<T>(), 0, count);
            }
            Ok(std::slice::from_raw_parts_mut(data.cast(), count))
        }
    }

    /// Gives an output of strings, which are copied.
    pub fn output_strings<S: AsRef<[u8]>>(&self, index: usize, shape: &[usize], texts: &[S]) -> Result<()> {
        let dtype = self.output_dtype(index)?;
        if dtype != DType::String {
            return Err(Error::invalid(format!("output {index} is {dtype}, not string")));
        }
        crate::dims::Dims::new(shape).check(texts.len())?;
        self.take(index)?;
        let dims = raw_dims(shape)?;
        let structs: Vec<_> = texts
            .iter()
            .map(|text| sys::spinel_string {
                data: text.as_ref().as_ptr().cast(),
                size_bytes: text.as_ref().len(),
            })
            .collect();
        match call!(self, output_strings, index, dims.as_ptr(), dims.len(), structs.as_ptr()) {
            sys::SPINEL_OK => Ok(()),
            code => Err(Error::new(
                ErrorCode::from_number(code),
                format!("output {index} cannot have the shape {shape:?}"),
            )),
        }
    }

    fn take(&self, index: usize) -> Result<()> {
        let mut given = self.given.borrow_mut();
        if given.contains(&index) {
            return Err(Error::invalid(format!("output {index} was given out already")));
        }
        given.push(index);
        Ok(())
    }

    fn output_dtype(&self, index: usize) -> Result<DType> {
        let output = self.outputs.get(index).filter(|_| index < self.output_count());
        let output = output.ok_or_else(|| Error::invalid(format!("the node has no output {index}")))?;
        if let Some(dtype) = output.dtype {
            return Ok(dtype);
        }
        let input = self.input(output.same_as);
        input.map(|view| view.dtype()).ok_or_else(|| {
            Error::invalid(format!(
                "output {index} has the type of input {}, which is left out",
                output.same_as
            ))
        })
    }

    /// Calls `task` with 0 to `count - 1`, each once, in any order and possibly at once, on the engine's threads; returns when
    /// all are done. A panic of one fails the run, after the others are done.
    pub fn parallel_for(&self, count: usize, task: impl Fn(usize) + Sync) -> Result<()> {
        struct Tasks<'t> {
            task: &'t (dyn Fn(usize) + Sync),
            failed: AtomicBool,
        }
        unsafe extern "C" fn run(data: *mut c_void, index: i64) {
            let tasks = &*(data as *const Tasks<'_>);
            if let Err(payload) = caught(|| (tasks.task)(index as usize)) {
                guarded(move || drop(payload));
                tasks.failed.store(true, Ordering::Relaxed);
            }
        }
        let tasks = Tasks { task: &task, failed: AtomicBool::new(false) };
        let data = &tasks as *const Tasks<'_> as *mut c_void;
        let code = call!(self, parallel_for, i64::try_from(count).unwrap_or(i64::MAX), Some(run), data);
        if code != sys::SPINEL_OK {
            return Err(Error::new(ErrorCode::from_number(code), "the loop was ended"));
        }
        if tasks.failed.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorCode::Internal, "a task of the operator panicked"));
        }
        Ok(())
    }

    /// Cuts the elements, such as an output's, into pieces of `size` (the last may be shorter), and calls `task` with each
    /// piece and its number, as [`parallel_for`](OpRun::parallel_for) does.
    pub fn parallel_chunks<T: Send>(
        &self,
        elements: &mut [T],
        size: usize,
        task: impl Fn(usize, &mut [T]) + Sync,
    ) -> Result<()> {
        struct Start<T>(*mut T);
        // SAFETY: each task uses a part of its own of elements that are Send.
        unsafe impl<T: Send> Sync for Start<T> {}
        let (len, size) = (elements.len(), size.max(1));
        let start = Start(elements.as_mut_ptr());
        self.parallel_for((len + size - 1) / size, |index| {
            let start = &start;
            let from = index * size;
            // SAFETY: the library calls with each number once, and the elements are borrowed until all are done.
            task(index, unsafe { std::slice::from_raw_parts_mut(start.0.add(from), size.min(len - from)) });
        })
    }

    /// How many tasks may run at once, at least 1.
    pub fn concurrency(&self) -> usize {
        usize::try_from(call!(self, concurrency)).unwrap_or(1)
    }

    /// An error if the run was cancelled: to be returned. Operators that run long ask every few milliseconds.
    pub fn check_cancelled(&self) -> Result<()> {
        match call!(self, cancelled) {
            0 => Ok(()),
            _ => Err(Error::new(ErrorCode::Cancelled, "the run was cancelled")),
        }
    }
}

impl fmt::Debug for OpRun<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "OpRun ({} inputs, {} outputs)", self.input_count(), self.output_count())
    }
}
