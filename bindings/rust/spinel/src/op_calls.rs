//! What the library is given of an operator, and calls.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{c_void, CString};

use spinel_sys as sys;

use crate::attributes::Attributes;
use crate::callbacks::{caught, guarded};
use crate::dtype::DType;
use crate::error::{check, Error, ErrorCode, Result};
use crate::op_run::{op, OpRun};
use crate::operator::{CustomOp, Dim};
use crate::text::c_text;

fn c_texts<'t>(names: impl Iterator<Item = &'t String>) -> Result<Vec<CString>> {
    names.map(|name| c_text(name, "the name")).collect()
}

impl CustomOp {
    /// Hands the operator over to a set, which nobody else uses.
    pub(crate) fn add_to(self, set: *mut sys::spinel_op_set) -> Result<()> {
        let (domain, name) = (c_text(&self.domain, "the domain")?, c_text(&self.name, "the name")?);
        let input_names = c_texts(self.inputs.iter().map(|input| &input.name))?;
        let output_names = c_texts(self.outputs.iter().map(|output| &output.name))?;
        let attribute_names = c_texts(self.attributes.iter().map(|(name, ..)| name))?;
        let inputs: Vec<_> = std::iter::zip(&self.inputs, &input_names)
            .map(|(input, name)| sys::spinel_op_input {
                name: name.as_ptr(),
                dtypes: if input.dtypes.is_empty() { std::ptr::null() } else { input.dtypes.as_ptr() },
                dtype_count: input.dtypes.len(),
                optional: input.optional.into(),
                whole: input.whole.into(),
            })
            .collect();
        let outputs: Vec<_> = std::iter::zip(&self.outputs, &output_names)
            .map(|(output, name)| sys::spinel_op_output {
                name: name.as_ptr(),
                dtype: output.dtype.map_or(0, DType::number),
                same_as: i32::try_from(output.same_as).unwrap_or(i32::MAX),
                optional: output.optional.into(),
                ..Default::default()
            })
            .collect();
        let attributes: Vec<_> = std::iter::zip(&self.attributes, &attribute_names)
            .map(|((_, kind, required), name)| sys::spinel_op_attribute {
                name: name.as_ptr(),
                r#type: kind.number(),
                required: (*required).into(),
            })
            .collect();
        let mut raw = sys::spinel_custom_op {
            domain: domain.as_ptr(),
            name: name.as_ptr(),
            since_version: i32::try_from(self.since_version).unwrap_or(i32::MAX),
            variadic: self.variadic.into(),
            inputs: inputs.as_ptr(),
            input_count: inputs.len(),
            outputs: outputs.as_ptr(),
            output_count: outputs.len(),
            attributes: attributes.as_ptr(),
            attribute_count: attributes.len(),
            rows_independent: self.rows_independent.into(),
            float16: self.float16.into(),
            indeterminate: self.indeterminate.into(),
            shapes: self.shapes.as_ref().map(|_| shapes as _),
            create: Some(create),
            compute: Some(compute),
            destroy: Some(destroy),
            release_user: Some(release_user),
            ..Default::default()
        };
        // The arrays that the texts and types lie in are the boxed operator's; moving it does not move them.
        let user = Box::into_raw(Box::new(self));
        raw.user = user.cast();
        // SAFETY: all arguments live during the call, which copies them; on success the operator is the library's.
        let added = check(|error| unsafe { sys::spinel_op_set_add(set, &raw, error) });
        if added.is_err() {
            // SAFETY: it is still ours.
            drop(unsafe { Box::from_raw(user) });
        }
        added
    }
}

/// What a callback answers. A failure's message goes to the context.
///
/// # Safety
/// The arguments are those of the callback.
unsafe fn answer(
    api: &sys::spinel_op_api,
    context: *mut sys::spinel_op_context,
    body: impl FnOnce() -> Result<()>,
) -> i32 {
    let error = match caught(body) {
        Ok(Ok(())) => return sys::SPINEL_OK,
        Ok(Err(error)) => error,
        Err(payload) => {
            let error =
                Error::new(ErrorCode::Internal, format!("the operator panicked: {}", said(&*payload)));
            guarded(move || drop(payload));
            error
        }
    };
    let message = CString::new(error.message().replace('\0', " ")).unwrap_or_default();
    if let Some(set_error) = api.set_error {
        set_error(context, message.as_ptr());
    }
    match error.code().number() {
        sys::SPINEL_OK => sys::SPINEL_INTERNAL,
        number => number,
    }
}

fn said(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Each function of the table is then called without a look.
fn check_table(api: &sys::spinel_op_api) -> Result<()> {
    if api.struct_size < std::mem::size_of::<sys::spinel_op_api>() {
        return Err(Error::new(ErrorCode::Unsupported, "the library is older than the crate spinel"));
    }
    Ok(())
}

unsafe extern "C" fn create(
    api: *const sys::spinel_op_api,
    context: *mut sys::spinel_op_context,
    user: *mut c_void,
    state: *mut *mut c_void,
) -> i32 {
    let (api, op) = (&*api, &*(user as *const CustomOp));
    answer(api, context, || {
        check_table(api)?;
        *state = Box::into_raw(Box::new(Attributes::read(api, context, &op.attributes)?)).cast();
        Ok(())
    })
}

unsafe extern "C" fn destroy(_user: *mut c_void, state: *mut c_void) {
    guarded(|| drop(Box::from_raw(state as *mut Attributes)));
}

unsafe extern "C" fn release_user(user: *mut c_void) {
    guarded(|| drop(Box::from_raw(user as *mut CustomOp)));
}

unsafe extern "C" fn compute(
    api: *const sys::spinel_op_api,
    context: *mut sys::spinel_op_context,
    user: *mut c_void,
    state: *mut c_void,
) -> i32 {
    let (api, op) = (&*api, &*(user as *const CustomOp));
    let attributes = &*(state as *const Attributes);
    answer(api, context, || {
        let given = RefCell::default();
        (op.compute)(&OpRun { api, context, attributes, outputs: &op.outputs, given })
    })
}

unsafe extern "C" fn shapes(
    api: *const sys::spinel_op_api,
    context: *mut sys::spinel_op_context,
    user: *mut c_void,
) -> i32 {
    let (api, op) = (&*api, &*(user as *const CustomOp));
    answer(api, context, || {
        check_table(api)?;
        let attributes = Attributes::read(api, context, &op.attributes)?;
        let inputs: Vec<_> = (0..op!(api, context, input_count))
            .map(|i| {
                let rank = usize::try_from(op!(api, context, input_rank, i)).ok()?;
                Some((0..rank).map(|axis| Dim(op!(api, context, input_dim, i, axis))).collect())
            })
            .collect();
        let found = op.shapes.as_ref().map_or_else(|| Ok(Vec::new()), |rule| rule(&inputs, &attributes))?;
        for (i, shape) in found.iter().enumerate().take(op!(api, context, output_count)) {
            let dims: Vec<i64> = shape.iter().flatten().map(|dim| dim.0).collect();
            let rank = shape.as_ref().map_or(-1, |shape| i32::try_from(shape.len()).unwrap_or(i32::MAX));
            let code = op!(api, context, set_output, i, 0, dims.as_ptr(), rank);
            if code != sys::SPINEL_OK {
                let message = format!("the shape {shape:?} of output {i} was refused");
                return Err(Error::new(ErrorCode::from_number(code), message));
            }
        }
        Ok(())
    })
}
