//! Runs in the background: waiting, awaiting, cancelling, dropping, and engines that go before them.

mod support;

use std::future::Future;
use std::pin::Pin;
use std::sync::{mpsc, Arc, Mutex};
use std::task::{Context, Poll, Wake};
use std::thread::ThreadId;
use std::time::Duration;

use spinel::{CancelToken, Engine, ErrorCode, Request, Tensor, TensorView};
use support::{block_on, model, waker};

fn slow() -> Engine {
    Engine::load(model("slow")).unwrap()
}

/// So much work that no test sees its end.
fn long() -> Tensor {
    rows(8192)
}

/// Fewer under valgrind, which is slow.
fn rows(count: usize) -> Tensor {
    let count = if std::env::var_os("SPINEL_TEST_VALGRIND").is_some() { (count + 63) / 64 } else { count };
    Tensor::new(&[count, 384], vec![1f32; count * 384]).unwrap()
}

fn pair(value: f32) -> [Tensor; 2] {
    [vec![value; 3], vec![1f32; 3]].map(|data| Tensor::new(&[1, 3], data).unwrap())
}

fn sum(outputs: &[Tensor]) -> f32 {
    outputs[0].as_slice::<f32>().unwrap()[0]
}

#[test]
fn many_requests() {
    let engine = Engine::load(model("two")).unwrap();
    let requests: Vec<Request> = (0..16).map(|i| engine.run_async(pair(i as f32)).unwrap()).collect();
    for (i, request) in requests.into_iter().enumerate() {
        assert!(request.wait_timeout(Duration::from_secs(60)));
        assert!(request.is_finished());
        assert_eq!(sum(&request.wait().unwrap()), i as f32 + 1.0);
    }
    let futures: Vec<Request> = (0..16).map(|i| engine.run_async(pair(i as f32)).unwrap()).collect();
    for (i, future) in futures.into_iter().enumerate().rev() {
        assert_eq!(sum(&block_on(future).unwrap()), i as f32 + 1.0);
    }
}

#[test]
fn results_go_to_tensors_of_the_caller() {
    let engine = Engine::load(model("two")).unwrap();
    let outputs = [(); 2].map(|()| Tensor::zeros::<f32>(&[1, 3]).unwrap());
    let places = outputs.each_pointer();
    let mut results = engine.run_async_into(pair(4.0), outputs).unwrap().wait().unwrap();
    assert_eq!((sum(&results), [results[0].pointer(), results[1].pointer()]), (5.0, places));
    assert!(results[0].get_mut::<f32>().is_some(), "they are not shared");

    let shared = results[0].clone();
    let error = engine.run_async_into(pair(1.0), results).unwrap_err();
    assert!(error.message().contains("shared"), "{error}");
    assert_eq!(shared.as_slice::<f32>().unwrap(), [5.0; 3]);
    assert!(engine.run_async_into(pair(1.0), []).unwrap_err().message().contains("0 outputs"));
    let library = engine.run_async(pair(1.0)).unwrap().wait().unwrap();
    assert!(engine.run_async_into(pair(1.0), library).unwrap_err().message().contains("made of a Vec"));
}

trait Pointer {
    fn pointer(&self) -> *const u8;
}

impl Pointer for Tensor {
    fn pointer(&self) -> *const u8 {
        self.as_bytes().unwrap().as_ptr()
    }
}

trait EachPointer {
    fn each_pointer(&self) -> [*const u8; 2];
}

impl EachPointer for [Tensor; 2] {
    fn each_pointer(&self) -> [*const u8; 2] {
        [self[0].pointer(), self[1].pointer()]
    }
}

#[test]
fn a_failed_run_says_where() {
    let engine = Engine::load(model("reshape")).unwrap();
    let inputs = || [Tensor::from(vec![1f32; 6]), Tensor::from(vec![4i64, 4])];
    let request = engine.run_async(inputs()).unwrap();
    while !request.is_finished() {
        std::thread::yield_now();
    }
    assert_eq!(request.wait().unwrap_err().node(), Some("the_reshape"));
    assert_eq!(block_on(engine.run_async(inputs()).unwrap()).unwrap_err().node(), Some("the_reshape"));
    let good = [Tensor::from(vec![1f32; 6]), Tensor::from(vec![2i64, 3])];
    assert_eq!(block_on(engine.run_async(good).unwrap()).unwrap()[0].shape(), [2, 3]);
}

#[test]
fn cancelling() {
    let engine = slow();
    let request = engine.run_async([long()]).unwrap();
    assert!(!request.wait_timeout(Duration::from_millis(5)));
    request.cancel();
    assert_eq!(request.wait().unwrap_err().code(), ErrorCode::Cancelled);

    let request = engine.run_async([long()]).unwrap();
    let canceller = request.canceller();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        canceller.cancel();
        canceller
    });
    assert_eq!(block_on(request).unwrap_err().code(), ErrorCode::Cancelled);
    thread.join().unwrap().cancel();

    let token = CancelToken::new().unwrap();
    let x = long();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            token.cancel();
        });
        let error = engine.call().inputs([&x]).cancel(&token).run().unwrap_err();
        assert_eq!(error.code(), ErrorCode::Cancelled);
    });
    assert!(engine.run([&rows(2)]).is_ok());
}

#[test]
fn dropping_a_request_ends_its_run() {
    let engine = slow();
    for i in 0..8 {
        let mut request = engine.run_async([long()]).unwrap();
        if i % 2 == 1 {
            let poll = Pin::new(&mut request).poll(&mut Context::from_waker(&waker()));
            assert!(poll.is_pending());
        }
        drop(request);
    }
    assert_eq!(engine.run_async([rows(2)]).unwrap().wait().unwrap()[0].shape()[1], 384);
    // Results that nobody takes.
    let request = engine.run_async([rows(2)]).unwrap();
    assert!(request.wait_timeout(Duration::from_secs(60)));
}

#[test]
fn a_forgotten_request_is_a_leak_and_nothing_worse() {
    let engine = slow();
    std::mem::forget(engine.run_async([rows(4)]).unwrap());
    assert_eq!(engine.run_async([rows(2)]).unwrap().wait().unwrap()[0].shape()[1], 384);
}

#[test]
fn an_engine_that_is_dropped_while_it_runs() {
    let request = slow().run_async([rows(64)]).unwrap();
    assert_eq!(request.wait().unwrap()[0].as_slice::<f32>().unwrap()[0], 1.0);
}

#[test]
fn a_new_waker_replaces_the_old() {
    let engine = slow();
    let mut request = engine.run_async([rows(512)]).unwrap();
    let (sender, woken) = mpsc::channel();
    let (first, second) = (Notify::waker(&sender, 1), Notify::waker(&sender, 2));
    assert!(Pin::new(&mut request).poll(&mut Context::from_waker(&first)).is_pending());
    if Pin::new(&mut request).poll(&mut Context::from_waker(&second)).is_pending() {
        assert_eq!(woken.recv_timeout(Duration::from_secs(60)), Ok(2));
        assert!(Pin::new(&mut request).poll(&mut Context::from_waker(&second)).is_ready());
    }
    assert!(woken.try_recv().is_err());
}

struct Notify(Mutex<mpsc::Sender<u32>>, u32);

impl Notify {
    fn waker(sender: &mpsc::Sender<u32>, number: u32) -> std::task::Waker {
        Arc::new(Notify(Mutex::new(sender.clone()), number)).into()
    }
}

impl Wake for Notify {
    fn wake(self: Arc<Self>) {
        self.0.lock().unwrap().send(self.1).unwrap();
    }
}

/// Polls in `wake()`, on the engine's thread, and so drops the request and the last clone of its engine there.
struct Inline(Mutex<mpsc::Receiver<Request>>, Mutex<mpsc::Sender<f32>>, ThreadId);

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        if std::thread::current().id() == self.2 {
            return; // It was finished at the first poll.
        }
        let mut request = self.0.lock().unwrap().recv().unwrap();
        match Pin::new(&mut request).poll(&mut Context::from_waker(&waker())) {
            Poll::Ready(outputs) => {
                drop(request);
                self.1.lock().unwrap().send(sum(&outputs.unwrap())).unwrap();
            }
            Poll::Pending => panic!("it woke too early"),
        }
        panic!("wakers may panic; this is expected");
    }
}

#[test]
fn a_waker_may_drop_everything_and_panic() {
    for count in [64, 512, 4096] {
        let mut request = slow().run_async([rows(count)]).unwrap();
        let ((give, receive), (answer, answers)) = (mpsc::channel(), mpsc::channel());
        let task = Inline(Mutex::new(receive), Mutex::new(answer), std::thread::current().id());
        let waker = Arc::new(task).into();
        if Pin::new(&mut request).poll(&mut Context::from_waker(&waker)).is_pending() {
            give.send(request).unwrap();
            assert_eq!(answers.recv_timeout(Duration::from_secs(60)), Ok(1.0));
            return;
        }
    }
    panic!("every run was finished at once");
}

#[test]
fn views_do_not_outlive_their_data() {
    // That is the compiler's work: see the examples that must not compile at TensorView and TensorViewMut.
    let data = vec![1f32; 384];
    let view = TensorView::new(&[1, 384], &data).unwrap();
    assert_eq!(slow().run([view]).unwrap()[0].shape(), [1, 384]);
}
