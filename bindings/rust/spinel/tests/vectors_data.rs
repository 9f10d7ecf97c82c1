//! Datasets, loaders and metrics of bindings/vectors.json.

mod support;

use spinel::{difference, Accuracy, Dataset, LoaderOptions, Preprocess, Result};
use support::cases::{close, each, tensor, whole};
use support::json::Json;
use support::project;

fn label(json: &Json) -> Option<usize> {
    (json.number() >= 0.0).then(|| json.number() as usize)
}

fn labels(case: &Json) -> Vec<Option<usize>> {
    case.get("labels").unwrap().list().iter().map(label).collect()
}

fn files(case: &Json) -> Result<Dataset> {
    let files = case.get("files").unwrap().list().iter().map(|file| project(file.as_text()));
    Dataset::from_files(files.zip(labels(case)))
}

fn dataset(case: &Json) -> Result<Dataset> {
    match (case.text("root"), case.text("folder")) {
        (Some(root), _) => Dataset::open(project(root)),
        (_, Some(folder)) => Dataset::list(project(folder)),
        _ => files(case),
    }
}

#[test]
fn datasets() {
    each("datasets", |case| {
        let found = dataset(case)?;
        let classes: Vec<&str> = case.get("classes").unwrap().list().iter().map(Json::as_text).collect();
        assert_eq!((Some(found.len()), found.notes().len()), (whole(case, "size"), 0));
        assert_eq!(found.classes(), classes);
        for sample in case.get("samples").unwrap().list() {
            let wanted = (project(sample.text("path").unwrap()), label(sample.get("label").unwrap()));
            assert_eq!(found.sample(whole(sample, "index").unwrap())?, wanted);
        }
        Ok(())
    });
}

fn options(case: &Json) -> LoaderOptions {
    let mut out = LoaderOptions::default();
    for (name, value) in case.get("options").unwrap().members() {
        let number = value.number() as usize;
        match name.as_str() {
            "batch_size" => out.batch_size = number,
            "max_batches" => out.max_batches = Some(number),
            "workers" => out.workers = number,
            "prefetch" => out.prefetch = number,
            "drop_last" => out.drop_last = number != 0,
            "rank" => out.rank = number,
            "world" => out.world = number,
            other => panic!("the option {other}"),
        }
    }
    out
}

#[test]
fn loaders() {
    each("loaders", |case| {
        let mut loader = files(case)?.loader(&Preprocess::imagenet(), &options(case))?;
        let ledger = case.get("ledger").unwrap();
        assert_eq!(Some(loader.batch_count()), whole(case, "batch_count"));
        assert_eq!(Some(loader.sample_count()), whole(ledger, "attempted"));
        for _pass in 0..2 {
            for wanted in case.get("batches").unwrap().list() {
                let batch = loader.next().unwrap()?;
                let indices: Vec<_> = wanted.get("indices").unwrap().list().iter().map(label).collect();
                assert_eq!(batch.labels(), labels(wanted));
                assert_eq!(batch.indices().into_iter().map(Some).collect::<Vec<_>>(), indices);
                assert_eq!(batch.tensor().shape(), [batch.len(), 3, 224, 224]);
                let rejected = wanted.get("rejected").unwrap().list();
                assert_eq!(batch.rejected().len(), rejected.len());
                for (found, wanted) in batch.rejected().iter().zip(rejected) {
                    assert_eq!(Some(found.index), whole(wanted, "index"));
                    assert_eq!(found.path, project(wanted.text("path").unwrap()));
                    assert_eq!(found.error.code().name(), wanted.text("code").unwrap());
                }
            }
            assert!(loader.next().is_none());
            let found = loader.ledger()?;
            for (name, found) in [
                ("attempted", found.attempted),
                ("done", found.done),
                ("rejected", found.rejected),
                ("dropped", found.dropped),
            ] {
                assert_eq!(Some(found), whole(ledger, name), "{name}");
            }
            loader.restart()?;
        }
        Ok(())
    });
}

#[test]
fn accuracies() {
    each("accuracies", |case| {
        let k = whole(case, "k").unwrap();
        let mut total = Accuracy::new(k)?;
        for batch in case.get("batches").unwrap().list() {
            let labels: Vec<usize> = labels(batch).into_iter().flatten().collect();
            let mut part = Accuracy::new(k)?;
            part.add(&tensor(batch.get("scores").unwrap()), &labels)?;
            total.merge(&part)?;
        }
        let found = total.counts()?;
        assert_eq!((Some(found.k), Some(found.count)), (whole(case, "k"), whole(case, "count")));
        assert_eq!([found.top1, found.topk], ["top1", "topk"].map(|name| case.get(name).unwrap().number()));
        Ok(())
    });
}

#[test]
fn differences() {
    each("differences", |case| {
        let [actual, expected] = ["actual", "expected"].map(|name| tensor(case.get(name).unwrap()));
        let found = difference(&actual, &expected, case.get("threshold").map(Json::number))?;
        let wanted =
            ["diff2", "diff3_max", "diff3_mean", "abs_max"].map(|name| case.get(name).unwrap().number());
        close(&[found.diff2, found.diff3_max, found.diff3_mean, found.abs_max], &wanted, 1e-5);
        assert_eq!(Some(found.count), whole(case, "count"));
        Ok(())
    });
}
