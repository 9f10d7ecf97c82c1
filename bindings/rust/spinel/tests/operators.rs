//! Operators in Rust, and values between layers.

mod support;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use spinel::{
    AttributeType, CancelToken, CustomOp, DType, Dim, Engine, Error, ErrorCode, OpInput, OpOutput, OpRun,
    OpSet, Result, Tensor, Value, ValueKind,
};
use support::{model, project};

fn f32s<'r>(run: &OpRun<'r>, index: usize) -> Result<(Vec<usize>, &'r [f32])> {
    let view =
        run.input(index).ok_or_else(|| Error::new(ErrorCode::InvalidArgument, "an input is missing"))?;
    Ok((view.shape().to_vec(), view.as_slice()?))
}

/// custom::Add of samples/custom_op.
fn add(compute: impl Fn(&OpRun<'_>) -> Result<()> + Send + Sync + 'static) -> CustomOp {
    CustomOp::new("custom", "Add", compute)
        .input(OpInput::new("x").dtypes(&[DType::Float32]))
        .input("y")
        .output("sum")
        .output(OpOutput::new("difference").same_as(1))
        .attribute("alpha", AttributeType::Float)
}

fn sums(run: &OpRun<'_>) -> Result<()> {
    let ((shape, x), (_, y)) = (f32s(run, 0)?, f32s(run, 1)?);
    let alpha = run.attributes().float("alpha").unwrap_or(1.0);
    let (sum, difference) = (run.output::<f32>(0, &shape)?, run.output::<f32>(1, &shape)?);
    run.parallel_chunks(sum, 2, |chunk, part| {
        for (i, sum) in part.iter_mut().enumerate() {
            *sum = x[chunk * 2 + i] + alpha * y[chunk * 2 + i];
        }
    })?;
    difference.iter_mut().zip(x.iter().zip(y)).for_each(|(out, (x, y))| *out = x - alpha * y);
    run.check_cancelled()
}

fn load(op: CustomOp) -> Result<Engine> {
    let mut set = OpSet::new()?;
    set.add(op)?;
    Engine::builder().custom_ops(set).spas(2).load(project("samples/custom_op/add.onnx"))
}

fn inputs(engine: &Engine) -> [Tensor; 2] {
    let shape: Vec<usize> =
        engine.inputs()[0].shape.as_ref().unwrap().iter().map(|dim| dim.unwrap_or(3)).collect();
    let count = shape.iter().product();
    [2.0, -3.0].map(|value| Tensor::new(&shape, vec![value as f32; count]).unwrap())
}

#[test]
fn an_operator_computes() {
    let by_library = {
        let mut set = OpSet::new().unwrap();
        set.load(std::env::var_os("SPINEL_TEST_CUSTOM_OPS").expect("SPINEL_TEST_CUSTOM_OPS")).unwrap();
        Engine::builder().custom_ops(set).load(project("samples/custom_op/add.onnx")).unwrap()
    };
    let inputs = inputs(&by_library);
    let wanted = by_library.run(&inputs).unwrap();
    let shaped = |inputs: &[Option<Vec<Dim>>], _: &_| Ok(vec![inputs[0].clone(), inputs[1].clone()]);
    for op in [add(sums), add(sums).shapes(shaped).rows_independent(true)] {
        let engine = load(op).unwrap();
        let found = engine.run(&inputs).unwrap();
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_eq!(found.as_slice::<f32>().unwrap(), wanted.as_slice::<f32>().unwrap());
        }
    }
}

#[test]
fn failures_of_an_operator_are_the_runs() {
    let fails = |op: CustomOp, code: ErrorCode, saying: &str| {
        let engine = load(op).unwrap();
        let error = engine.run(&inputs(&engine)).unwrap_err();
        assert_eq!((error.code(), error.message().contains(saying)), (code, true), "{error}");
        assert!(error.message().contains("Add"), "{error}");
    };
    let bad = |saying: &'static str| move || Error::new(ErrorCode::BadData, saying);
    fails(add(move |_| Err(bad("no such sum")())), ErrorCode::BadData, "no such sum");
    fails(add(|_| panic!("what a {}", "pity")), ErrorCode::Internal, "panicked: what a pity");
    fails(
        add(|run| run.output::<f64>(0, &[1]).map(drop)),
        ErrorCode::InvalidArgument,
        "float32, not float64",
    );
    fails(add(|run| run.output::<f32>(2, &[1]).map(drop)), ErrorCode::InvalidArgument, "no output 2");
    fails(add(|run| run.output_strings(0, &[1], &["a"])), ErrorCode::InvalidArgument, "not string");
    fails(add(|run| run.parallel_for(8, |i| assert_ne!(i, 5))), ErrorCode::Internal, "a task");
    let twice = |run: &OpRun<'_>| run.output::<f32>(0, &[1]).and(run.output::<f32>(0, &[1])).map(drop);
    fails(add(twice), ErrorCode::InvalidArgument, "already");
    let other = add(|run| run.output::<f32>(0, &[7]).map(drop));
    fails(other.shapes(|inputs, _| Ok(vec![inputs[0].clone()])), ErrorCode::InvalidArgument, "[7]");
}

#[test]
fn failures_of_shapes_are_the_loads() {
    let error = load(add(sums).shapes(|_, _| Err(Error::new(ErrorCode::BadModel, "no shape")))).unwrap_err();
    assert_eq!((error.code(), error.message().contains("no shape")), (ErrorCode::BadModel, true), "{error}");
    let error = load(add(sums).shapes(|_, _| panic!("a pity"))).unwrap_err();
    assert!(error.message().contains("a pity"), "{error}");
    let mut set = OpSet::new().unwrap();
    let nul = set.add(CustomOp::new("custom", "A\0dd", sums)).unwrap_err();
    assert_eq!(nul.code(), ErrorCode::InvalidArgument);
    assert!(set.add(CustomOp::new("custom", "", sums)).is_err());
}

#[test]
fn attributes_of_every_kind() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let probe = CustomOp::new("custom", "Probe", move |run| {
        let all = run.attributes();
        assert_eq!(
            (all.float("f"), all.int("i"), all.string("text")),
            (Some(1.5), Some(7), Some("some text"))
        );
        assert_eq!(all.floats("fs"), Some(&[1.0, 2.0][..]));
        assert_eq!(all.ints("ints"), Some(&[3, 4, 5][..]));
        assert_eq!(all.strings("texts").unwrap(), ["a", "bc"]);
        assert_eq!(all.tensor("tensor").unwrap().as_slice::<i64>()?, [8, 9]);
        assert_eq!((all.int("f"), all.int("none")), (None, None));
        assert_eq!((run.input_count(), run.output_count(), run.concurrency() > 0), (3, 3, true));
        assert!(run.input(1).is_none() && !run.wants_output(1) && run.wants_output(0));
        let (shape, x) = f32s(run, 0)?;
        run.output::<f32>(0, &shape)?.copy_from_slice(x);
        let texts = run.input(2).unwrap();
        run.output_strings(2, &[2], &texts.byte_strings()?)?;
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    })
    .input("x")
    .input(OpInput::new("gap").optional().whole())
    .input(OpInput::new("s").dtypes(&[DType::String]))
    .output("y")
    .output(OpOutput::new("gap").optional())
    .output(OpOutput::new("t").dtype(DType::String))
    .required_attribute("f", AttributeType::Float)
    .attribute("i", AttributeType::Int)
    .attribute("text", AttributeType::String)
    .attribute("tensor", AttributeType::Tensor)
    .attribute("fs", AttributeType::Floats)
    .attribute("ints", AttributeType::Ints)
    .attribute("texts", AttributeType::Strings)
    .attribute("none", AttributeType::Int)
    .since_version(1)
    .variadic(false)
    .float16(true)
    .indeterminate(true);
    let mut set = OpSet::new().unwrap();
    set.add(probe).unwrap();
    let set = Arc::new(set);
    let engine = Engine::builder().custom_ops(set.clone()).load(model("custom")).unwrap();
    let x = Tensor::new(&[2, 2], vec![1.0f32, 2.0, 3.0, 4.0]).unwrap();
    let s = Tensor::from_strings(&[2], &["a", "b"]).unwrap();
    let found = engine.run([&x, &s]).unwrap();
    assert_eq!(found[0].as_slice::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(found[1].strings().unwrap(), ["a", "b"]);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    // The function lives as long as a set or an engine, and no longer.
    drop(set);
    engine.run([&x, &s]).unwrap();
    drop(engine);
    assert_eq!(Arc::strong_count(&calls), 1);
}

#[test]
fn values_between_the_layers() {
    let engine = Engine::builder().inspectable(true).load(model("reshape")).unwrap();
    let x = Tensor::from(vec![0.0f32, 1.0]);
    let shape = Tensor::from(vec![2i64, 1]);
    let listed = engine.layer_values(&[[2], [2]]).unwrap();
    let power = listed.iter().find(|value| value.name == "power").unwrap();
    assert_eq!((power.dtype, power.shape.as_deref()), (DType::Float32, Some(&[None, None][..])));
    assert_eq!(power.inputs, ["reshaped"]);
    let mut seen = Vec::new();
    let call = || engine.call().inputs([&x, &shape]);
    call()
        .inspect(&[], |value, _| {
            seen.push(value.name.clone());
            Ok(None)
        })
        .unwrap();
    assert_eq!(seen, listed.iter().map(|value| value.name.clone()).collect::<Vec<_>>());

    let enough = || Error::new(ErrorCode::BadData, "enough");
    assert_eq!(call().inspect(&["power"], |_, _| Err(enough())).unwrap_err(), enough());
    let panicked =
        catch_unwind(AssertUnwindSafe(|| call().inspect(&["power"], |_, _| panic!("a pity")).map(drop)));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"a pity"));
    let other = Tensor::new(&[2, 1], vec![std::f64::consts::E, 1.0]).unwrap();
    let replaced = call().inspect(&["power"], |_, _| Ok(Some(other.clone()))).unwrap();
    assert!((replaced["out"].as_slice::<f32>().unwrap()[0] - 1.0).abs() < 1e-6);
    for (name, with) in [("power", Tensor::from(vec![1.0f32; 3])), ("reshaped", other)] {
        let error = call().inspect(&[name], |_, _| Ok(Some(with.clone()))).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
    }
    let token = CancelToken::new().unwrap();
    assert!(!token.is_cancelled());
    token.cancel();
    assert!(token.is_cancelled());
    assert_eq!(call().cancel(&token).inspect(&[], |_, _| Ok(None)).unwrap_err().code(), ErrorCode::Cancelled);
    assert_eq!(engine.layer_values(&[[2]]).unwrap_err().code(), ErrorCode::InvalidArgument);
}

#[test]
fn sequences_and_optionals() {
    let engine = Engine::load(model("values")).unwrap();
    let element = engine.inputs()[0].element.as_ref().unwrap();
    assert_eq!((engine.inputs()[0].kind, element.dtype), (ValueKind::Sequence, DType::Float32));
    assert_eq!((engine.inputs()[2].kind, engine.inputs()[1].element.is_none()), (ValueKind::Optional, true));
    let tensor = |data: &[f32]| Value::from(Tensor::from(data.to_vec()));
    fn floats(value: &Value) -> Vec<Vec<f32>> {
        match value {
            Value::Tensor(tensor) => vec![tensor.as_slice().unwrap().to_vec()],
            Value::Sequence(elements) => elements.iter().flat_map(floats).collect(),
            _ => Vec::new(),
        }
    }
    let rows = Value::from(vec![tensor(&[1.0, 2.0]), tensor(&[3.0])]);
    let outputs = engine.run_values(&[rows, tensor(&[4.0]), tensor(&[5.0])]).unwrap();
    drop(engine);
    assert_eq!(floats(&outputs[0]), [vec![1.0, 2.0], vec![3.0]]);
    assert_eq!(floats(&outputs[1]), [vec![1.0, 2.0], vec![3.0], vec![4.0]]);
    assert_eq!(floats(&outputs[2]), [vec![5.0]]);
    let engine = Engine::load(model("values")).unwrap();
    let outputs = engine.run_values(&[Value::Sequence(vec![]), tensor(&[4.0]), Value::Empty]).unwrap();
    assert!(matches!(outputs[2], Value::Empty) && floats(&outputs[0]).is_empty());
    let wrong = engine.run_values(&[tensor(&[1.0]), tensor(&[4.0]), Value::Empty]).unwrap_err();
    assert_eq!(wrong.code(), ErrorCode::InvalidArgument);
}
