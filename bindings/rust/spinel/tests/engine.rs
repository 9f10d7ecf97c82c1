//! What the vectors leave out: describing, outputs in the caller's memory, options, misuse.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use spinel::{
    CancelToken, DType, Engine, ErrorCode, Limits, OpSet, Split, Tensor, TensorView, TensorViewMut, F16,
};
use support::{model, project, FASHION};

fn two() -> Engine {
    Engine::load(model("two")).unwrap()
}

fn view<'a>(shape: &[usize], data: &'a [f32]) -> TensorView<'a> {
    TensorView::new(shape, data).unwrap()
}

#[test]
fn an_engine_describes_itself() {
    let engine = two();
    let names: Vec<&str> = engine.inputs().iter().map(|info| info.name.as_str()).collect();
    assert_eq!(names, ["x", "y"]);
    let sum = &engine.outputs()[0];
    assert_eq!((sum.shape.as_deref(), sum.dtype), (Some(&[None, Some(3)][..]), DType::Float32));
    assert_eq!((sum.dim_names.join(","), sum.batch_axis), ("batch,".into(), Some(0)));
    assert_eq!(sum.kind, spinel::ValueKind::Tensor);
    assert!(engine.info().splittable && engine.info().target == "cpu" && engine.info().spas >= 1);
    assert_eq!(
        format!("{engine:?}"),
        "Engine cpu (x: float32 [batch, 3], y: float32 [batch, 3]) -> \
         (sum: float32 [batch, 3], product: float32 [batch, 3])"
    );
    assert_eq!(engine.output_shape(&[[5, 3], [5, 3]], 1).unwrap(), Some(vec![5, 3]));
    let reshape = Engine::load(model("reshape")).unwrap();
    assert_eq!(reshape.output_shape(&[&[6][..], &[2]], 0).unwrap(), None);
    assert_eq!(engine.find_output("product").unwrap(), 1);
    assert!(engine.find_input("z").unwrap_err().message().contains("x, y"));
    assert_eq!(spinel::available_targets().unwrap()[0], "cpu");
    assert_eq!(spinel::version(), env!("CARGO_PKG_VERSION"));
}

#[test]
fn an_engine_may_be_shared() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    fn sent<T: Send + Sync>() {}
    shared::<Engine>();
    shared::<Tensor>();
    sent::<spinel::Request>();
    sent::<spinel::CancelToken>();
    sent::<spinel::Error>();
    let engine = two();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            // The first clone of all is dropped while others run.
            let engine = engine.clone();
            scope.spawn(move || {
                for i in 0..50 {
                    let x = [(thread * 100 + i) as f32; 3];
                    let outputs = engine.run([view(&[1, 3], &x), view(&[1, 3], &x)]).unwrap();
                    assert_eq!(outputs[0].as_slice::<f32>().unwrap(), [2.0 * x[0]; 3]);
                }
            });
        }
        drop(engine);
    });
}

#[test]
fn results_outlive_their_engine() {
    let outputs = two().run([view(&[1, 3], &[1.0; 3]), view(&[1, 3], &[2.0; 3])]).unwrap();
    assert_eq!(outputs[0].clone().into_vec::<f32>().unwrap(), [3.0; 3]);
}

#[test]
fn outputs_go_to_the_callers_memory() {
    let engine = two();
    let (x, y) = ([1.0f32, 2.0, 3.0], [4.0f32, 5.0, 6.0]);
    let (mut sum, mut product) = ([0f32; 3], vec![0f32; 5]);
    let inputs = [view(&[1, 3], &x), view(&[1, 3], &y)];
    let outputs = [
        TensorViewMut::new(&[1, 3], &mut sum).unwrap(),
        TensorViewMut::new(&[1, 3], &mut product[1..4]).unwrap(),
    ];
    engine.run_into(&inputs, outputs).unwrap();
    assert_eq!((sum, product.as_slice()), ([5.0, 7.0, 9.0], &[0.0, 4.0, 10.0, 18.0, 0.0][..]));

    let mut only = [0f32; 3];
    let others = engine
        .call()
        .inputs(&inputs)
        .output("product", TensorViewMut::new(&[1, 3], &mut only).unwrap())
        .run()
        .unwrap();
    assert_eq!((only, others.len()), ([4.0, 10.0, 18.0], 1));
    assert_eq!(others["sum"].as_slice::<f32>().unwrap(), sum);
}

#[test]
fn wrong_outputs_are_refused_and_left_alone() {
    let engine = two();
    let inputs = [view(&[1, 3], &[1.0; 3]), view(&[1, 3], &[1.0; 3])];
    let mut floats = [7f32; 4];
    let mut doubles = [7f64; 3];
    let bad = TensorViewMut::new(&[1, 4], &mut floats).unwrap();
    assert_eq!(
        engine.call().inputs(&inputs).output("sum", bad).run().unwrap_err().code(),
        ErrorCode::InvalidArgument
    );
    let bad = TensorViewMut::new(&[1, 3], &mut doubles).unwrap();
    assert!(engine
        .call()
        .inputs(&inputs)
        .output("sum", bad)
        .run()
        .unwrap_err()
        .message()
        .contains("float64"));
    assert_eq!((floats, doubles), ([7.0; 4], [7.0; 3]));
    assert!(engine.run_into(&inputs, []).unwrap_err().message().contains("2 outputs"));
}

#[test]
fn bools_are_bools() {
    let engine = Engine::load(model("types")).unwrap();
    let position = engine.find_output("bool_out").unwrap();
    let tensors: Vec<Tensor> = engine
        .inputs()
        .iter()
        .map(|info| match info.dtype {
            DType::Bool => Tensor::new(&[2], vec![true, false]).unwrap(),
            dtype => {
                let bytes = [0; 16];
                let size = [1, 2, 4, 8]
                    .into_iter()
                    .find(|size| Tensor::from_bytes(dtype, &[2], &bytes[..2 * size]).is_ok());
                Tensor::from_bytes(dtype, &[2], &bytes[..2 * size.unwrap()]).unwrap()
            }
        })
        .collect();
    let mut bools = [false, true];
    engine
        .call()
        .inputs(&tensors)
        .output("bool_out", TensorViewMut::new(&[2], &mut bools).unwrap())
        .run()
        .unwrap();
    assert_eq!(bools, [true, false]);
    assert_eq!(engine.run(&tensors).unwrap()[position].as_slice::<bool>().unwrap(), bools);
    assert!(Tensor::from_bytes(DType::Bool, &[1], &[2]).is_err());
}

#[test]
fn misuse_is_an_error() {
    let engine = two();
    let x = view(&[1, 3], &[1.0; 3]);
    let refused = |error: spinel::Error, text: &str| {
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
        assert!(error.message().contains(text), "{error}");
    };
    refused(engine.run([&x]).unwrap_err(), "1 inputs were given; the model has 2: x, y");
    refused(engine.call().input("x", &x).run().unwrap_err(), "missing");
    let error = engine.call().input("x", &x).input("z", &x).run().unwrap_err();
    assert_eq!((error.code(), error.message().contains("'z'")), (ErrorCode::NotFound, true));
    refused(TensorView::new(&[2, 2], &[0f32; 3]).unwrap_err(), "has 4 elements, but the data has 3");
    refused(TensorView::new(&[usize::MAX, 2], &[0f32; 3]).unwrap_err(), "larger than");
    refused(Tensor::zeros::<f32>(&[1 << 40, 1 << 40]).unwrap_err(), "larger than");
    refused(Tensor::from_bytes(DType::Float32, &[2], &[0; 7]).unwrap_err(), "takes 8 bytes");
    refused(Tensor::from_bytes(DType::String, &[1], &[0]).unwrap_err(), "from_strings");
    refused(Tensor::from(vec![1f32]).as_slice::<i32>().unwrap_err(), "the tensor is float32 [1], not int32");
    refused(Tensor::from(vec![1f32]).strings().unwrap_err(), "not of strings");
    refused(engine.run_async([Tensor::zeros::<f32>(&[1, 3]).unwrap()]).unwrap_err(), "1 inputs");
    refused(Engine::load("a\0b").unwrap_err(), "NUL");
    refused(Engine::builder().target("c\0").load(model("two")).unwrap_err(), "NUL");
    let error = Engine::load("/none/such.onnx").unwrap_err();
    assert_eq!((error.code(), error.node()), (ErrorCode::NotFound, None));
    let error = Engine::load(model("unknown")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unsupported);
    assert!(error.message().contains("NoSuchOperator") && error.message().contains("NorThisOne"), "{error}");
    let boxed: Box<dyn std::error::Error + Send + Sync> = error.into();
    assert!(boxed.to_string().contains("NoSuchOperator"));
}

#[test]
fn tensors() {
    let mut tensor = Tensor::new(&[2, 2], vec![1i64, 2, 3, 4]).unwrap();
    let pointer = tensor.as_slice::<i64>().unwrap().as_ptr();
    tensor.get_mut::<i64>().unwrap()[0] = 9;
    assert!(tensor.get_mut::<f32>().is_none());
    let clone = tensor.clone();
    assert!(tensor.get_mut::<i64>().is_none(), "it is shared");
    drop(clone);
    let data = tensor.into_vec::<i64>().unwrap();
    assert_eq!((data.as_slice(), data.as_ptr()), (&[9, 2, 3, 4][..], pointer));

    let shape = [1, 1, 1, 1, 1, 1, 1, 2];
    assert_eq!(Tensor::new(&shape, vec![1u8, 2]).unwrap().shape(), shape);
    assert_eq!(Tensor::new(&[], vec![F16::from_f32(2.5)]).unwrap().as_bytes().unwrap(), [0x00, 0x41]);
    let texts = Tensor::from_strings(&[2], &[&b"\xff"[..], b""]).unwrap();
    assert_eq!(texts.strings().unwrap_err().code(), ErrorCode::BadData);
    assert_eq!(texts.byte_strings().unwrap(), [&b"\xff"[..], b""]);
    assert!(texts.as_bytes().is_err());
    assert_eq!(Tensor::zeros::<f64>(&[3, 0]).unwrap().as_slice::<f64>().unwrap(), []);
}

#[test]
fn models_in_memory() {
    let bytes = std::fs::read(model("two")).unwrap();
    let engine = Engine::builder().load_bytes(&bytes).unwrap();
    drop(bytes);
    engine.run([view(&[1, 3], &[1.0; 3]), view(&[1, 3], &[1.0; 3])]).unwrap();
    let bytes = std::fs::read(model("external")).unwrap();
    assert!(Engine::builder().load_bytes(&bytes).is_err());
    let folder = model("external").parent().unwrap().to_path_buf();
    let engine = Engine::builder().load_bytes_in(&bytes, folder).unwrap();
    assert_eq!(engine.run([view(&[1], &[2.0])]).unwrap()[0].as_slice::<f32>().unwrap(), [5.0]);
    assert_eq!(Engine::builder().load_bytes(b"no model").unwrap_err().code(), ErrorCode::BadModel);
    assert!(Engine::builder().load_bytes(&[]).is_err());
}

#[test]
fn options() {
    let path = project(FASHION);
    let x: Vec<f32> = (0..7 * 3 * 32 * 32).map(|i| (i % 255) as f32 / 255.0).collect();
    let x = view(&[7, 3, 32, 32], &x);
    let wanted = Engine::builder().spas(1).load(&path).unwrap().run([&x]).unwrap();
    let engine = Engine::builder()
        .target("cpu")
        .input_names(["input"])
        .batch_size(8)
        .spas(3)
        .threads_per_spa(1)
        .rank(0, 1)
        .split(Split::Proven)
        .spin_us(0)
        .huge_pages(true)
        .tune(false)
        .verify_weights(true)
        .load(&path)
        .unwrap();
    assert_eq!(engine.info().spas, 3);
    assert!(engine.run([&x]).unwrap()[0].as_bytes().unwrap() == wanted[0].as_bytes().unwrap());
    assert_eq!(Engine::builder().isa("mmx").load(&path).unwrap_err().code(), ErrorCode::NotFound);

    let half = Engine::builder().dtype(DType::Float16).load(&path).unwrap();
    assert_eq!(half.inputs()[0].dtype, DType::Float16);
    let kept = Engine::builder().dtype(DType::Float16).keep_io_types(true).load(&path).unwrap();
    assert_eq!(kept.inputs()[0].dtype, DType::Float32);

    let (small, full) = (vec![0.5; 3 * 30 * 30], vec![0.5; 3 * 32 * 32]);
    let padded = Engine::builder().input_sizes([[1, 3, 32, 32]]).pad_value("input", 0.5).load(&path).unwrap();
    let outputs = padded.run([view(&[1, 3, 30, 30], &small)]).unwrap();
    assert_eq!(
        outputs[0].as_bytes().unwrap(),
        padded.run([view(&[1, 3, 32, 32], &full)]).unwrap()[0].as_bytes().unwrap()
    );

    let mut limits = Limits::default();
    limits.max_nodes = 3;
    let error = Engine::builder().limits(limits).load(model("slow")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::LimitExceeded);
    assert!(error.message().contains("max_nodes"));
    let passes = Engine::builder().pass_json(r#"{"passes": {"fuse_elementwise": false}}"#);
    let report = passes.load(model("two")).unwrap().pass_report().unwrap();
    assert!(report.iter().any(|pass| pass.name == "fuse_elementwise" && !pass.enabled));
    assert_eq!(
        Engine::builder().pass_path("/none").load(model("two")).unwrap_err().code(),
        ErrorCode::NotFound
    );
}

#[test]
fn engine_files() {
    let path = std::env::temp_dir().join(format!("spinel-rust-{}.spinel", std::process::id()));
    Engine::builder().save_engine(&path).load(model("two")).unwrap();
    let engine = Engine::builder().verify_weights(true).load_engine(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let outputs = engine.run([view(&[1, 3], &[1.0; 3]), view(&[1, 3], &[2.0; 3])]).unwrap();
    assert_eq!(outputs[1].as_slice::<f32>().unwrap(), [2.0; 3]);
    assert_eq!(Engine::builder().load_engine("/none.spinel").unwrap_err().code(), ErrorCode::NotFound);
}

#[test]
fn aliases_run_in_place() {
    let engine = Engine::builder().alias("x", "sum").load(model("two")).unwrap();
    let mut buffer = [1f32, 2.0, 3.0];
    let step = [10f32; 3];
    for _ in 0..2 {
        engine
            .call()
            .in_place("x", "sum", TensorViewMut::new(&[1, 3], &mut buffer).unwrap())
            .input("y", view(&[1, 3], &step))
            .run()
            .unwrap();
    }
    assert_eq!(buffer, [21.0, 22.0, 23.0]);
    let buffer = TensorViewMut::new(&[1, 3], &mut buffer).unwrap();
    let error = engine.call().in_place("y", "sum", buffer).run().unwrap_err();
    assert!(error.message().contains("alias"));
}

#[test]
fn the_hosts_loop() {
    let x = vec![0.25; 4 * 3 * 32 * 32];
    let run = |engine: &Engine| {
        let outputs = engine.run([view(&[4, 3, 32, 32], &x)]).unwrap();
        outputs[0].as_bytes().unwrap().to_vec()
    };
    let wanted = run(&Engine::load(project(FASHION)).unwrap());
    let tasks = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tasks);
    let engine = Engine::builder().spas(2).parallel_for(move |count, task| {
        std::thread::scope(|scope| {
            for i in (0..count).rev() {
                counter.fetch_add(1, Ordering::Relaxed);
                scope.spawn(move || task(i));
            }
        });
    });
    assert_eq!(run(&engine.load(project(FASHION)).unwrap()), wanted);
    assert!(tasks.load(Ordering::Relaxed) >= 2);

    // Loops that do nothing, panic, or call what there is not and too often.
    let lazy = Engine::builder().spas(2).parallel_for(|_, _| ());
    assert_eq!(run(&lazy.load(project(FASHION)).unwrap()), wanted);
    let broken = Engine::builder().spas(2).parallel_for(|count, task| {
        task(0);
        task(0);
        task(count);
        panic!("the host's loop panics; this is expected")
    });
    assert_eq!(run(&broken.load(project(FASHION)).unwrap()), wanted);
}

#[test]
fn the_log() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&lines);
    let noisy = Engine::builder().log(move |level, line| log.lock().unwrap().push((level, line.to_string())));
    let engine = noisy.spas(1).load(project(FASHION)).unwrap();
    drop(engine);
    assert_eq!(Arc::strong_count(&lines), 1, "the engine has let go of its callbacks");
    let broken = Engine::builder().log(|_, _| panic!("the log panics; this is expected"));
    broken.load(project(FASHION)).unwrap();
}

#[test]
fn loads_tell_and_are_cancelled() {
    let (sender, stages) = std::sync::mpsc::channel();
    let builder = Engine::builder().progress(move |stage, fraction| {
        sender.send((stage.to_string(), fraction)).unwrap();
        panic!("the progress panics; this is expected")
    });
    builder.load(model("two")).unwrap();
    let stages: Vec<(String, f64)> = stages.iter().collect();
    assert!(stages.len() > 2 && stages.iter().any(|(stage, _)| stage == "plan"), "{stages:?}");
    assert!(
        stages.windows(2).all(|pair| pair[0].1 <= pair[1].1) && stages.last().unwrap().1 <= 1.0,
        "{stages:?}"
    );

    let token = CancelToken::new().unwrap();
    let cancel = token.clone();
    let builder = Engine::builder().cancel(&token).progress(move |_, _| cancel.cancel());
    assert_eq!(builder.load(model("slow")).unwrap_err().code(), ErrorCode::Cancelled);
    Engine::load(model("slow")).unwrap();
}

#[test]
fn custom_operators() {
    let sample = project("samples/custom_op/add.onnx");
    assert!(Engine::load(&sample).unwrap_err().message().contains("custom"));
    let mut operators = OpSet::new().unwrap();
    assert_eq!(operators.load("/none.so").unwrap_err().code(), ErrorCode::NotFound);
    let library = match std::env::var_os("SPINEL_TEST_CUSTOM_OPS") {
        Some(library) => library,
        None => return println!("SKIPPED: SPINEL_TEST_CUSTOM_OPS does not name libcustom_add.so"),
    };
    operators.load(library).unwrap();
    let operators = Arc::new(operators);
    let engine = Engine::builder().custom_ops(Arc::clone(&operators)).load(&sample).unwrap();
    Engine::builder().custom_ops(Arc::clone(&operators)).load(&sample).unwrap();
    drop(operators);
    let names: Vec<&str> = engine.outputs().iter().map(|info| info.name.as_str()).collect();
    assert_eq!(names, ["sum", "difference"]);
    let x = vec![1f32; 6];
    let inputs: Vec<_> = engine.inputs().iter().map(|_| view(&[2, 3], &x)).collect();
    assert!(engine.run(inputs).unwrap()[0].as_slice::<f32>().unwrap()[0] > 1.0);
}

#[test]
fn reports() {
    let engine = Engine::load(project(FASHION)).unwrap();
    let report = engine.memory_report(&[[4, 3, 32, 32]]).unwrap();
    assert!(report.weight_bytes > 100_000);
    assert!(report.total_bytes >= report.weight_bytes + report.arena_bytes_per_spa);
    assert!(engine.memory_report::<[usize; 0]>(&[]).is_ok());
    let x = vec![0.0; 3 * 32 * 32];
    let x = view(&[1, 3, 32, 32], &x);
    let profile = engine.call().inputs([&x]).profile().unwrap();
    assert!(profile.layers.iter().map(|layer| layer.flops).sum::<f64>() > 1e6);
    assert!(profile.layers.iter().any(|layer| !layer.sources.is_empty() && !layer.kernel.is_empty()));
    assert_eq!(engine.run_time(), 0.0);
    engine.run([&x]).unwrap();
    assert!(engine.run_time() > 0.0);
    assert!(!engine.graph().unwrap().is_empty());
    let passes = engine.pass_report().unwrap();
    assert!(passes.iter().any(|pass| pass.enabled && pass.changes > 0), "{passes:?}");
    let unplanned =
        Engine::load(model("reshape")).unwrap().memory_report(&[&[6][..], &[2]]).unwrap().unplanned;
    assert!(!unplanned.is_empty());
}
