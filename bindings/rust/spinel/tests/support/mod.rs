//! What the tests share.
#![allow(dead_code)]

pub mod cases;
pub mod json;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// A file of the project.
pub fn project(path: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    folder.canonicalize().expect("the project").join(path)
}

/// One of tests/capi/make_models.py, or, with a slash, a file of the project.
pub fn model(name: &str) -> PathBuf {
    if name.contains('/') {
        return project(name);
    }
    let folder = std::env::var_os("SPINEL_TEST_MODELS")
        .expect("SPINEL_TEST_MODELS: the folder that tests/capi/make_models.py wrote to");
    PathBuf::from(folder).join(format!("{name}.onnx"))
}

pub const FASHION: &str = "samples/resnet/resnet_fashion.onnx";

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

pub fn waker() -> Waker {
    Arc::new(Unpark(std::thread::current())).into()
}

/// The smallest executor there is.
pub fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    let waker = waker();
    loop {
        match Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
