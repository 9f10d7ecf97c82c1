//! Images, datasets, scores.

mod support;

use spinel::{
    difference, load_labels, load_labels_of, softmax, top_k, Accuracy, DType, Dataset, Engine, ErrorCode,
    Image, Interpolation, Limits, LoaderOptions, Preprocess, Scores, Tensor, TensorView, TensorViewMut, F16,
};
use support::{model, project, FASHION};

const BOOT: &str = "samples/resnet/images/09_ankle_boot.png";

#[test]
fn sources_agree() {
    let images = Preprocess::imagenet().input_size(32, 32).unwrap();
    let file = images.file(project(BOOT)).unwrap();
    assert_eq!(file.shape(), [1, 3, 32, 32]);
    let bytes = std::fs::read(project(BOOT)).unwrap();
    let pixels = Image::encoded(&bytes).decode(&Limits::default()).unwrap();
    let (height, width) = match *pixels.shape() {
        [height, width, 3] => (height, width),
        _ => panic!("{pixels:?}"),
    };
    let rgb = pixels.as_slice::<u8>().unwrap();
    // The same with gaps between the rows, and none after the last.
    let gaps: Vec<u8> = rgb.chunks(width * 3).flat_map(|row| [row, &[0; 5]].concat()).collect();
    let gaps = &gaps[..gaps.len() - 5];
    let path = project(BOOT);
    let all = [
        Image::file(&path),
        Image::encoded(&bytes),
        Image::rgb(rgb, width, height),
        Image::Rgb { pixels: gaps, width, height, row_bytes: width * 3 + 5 },
    ];
    let batch = images.batch(&all).unwrap();
    assert_eq!(batch.shape(), [4, 3, 32, 32]);
    let row = file.as_slice::<f32>().unwrap();
    assert!(batch.as_slice::<f32>().unwrap().chunks(row.len()).all(|each| each == row));
    let mut own = vec![0f32; 4 * row.len()];
    images.batch_into(&all, TensorViewMut::new(&[4, 3, 32, 32], &mut own).unwrap()).unwrap();
    assert!(own == batch.as_slice::<f32>().unwrap());
}

#[test]
fn wrong_images() {
    let images = Preprocess::imagenet();
    for (width, height, row_bytes) in
        [(2, 3, 0), (2, 2, 5), (2, 2, 7), (0, 1, 0), (usize::MAX, 2, 0), (1, 0, 0)]
    {
        let error = images.batch(&[Image::Rgb { pixels: &[0; 12], width, height, row_bytes }]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{width} {height} {row_bytes}");
    }
    let (good, bad) = (project(BOOT), project("samples/resnet/synset.txt"));
    let all = [Image::file(&good), Image::file(&bad), Image::file("/none.png")];
    assert_eq!(images.batch(&all).unwrap_err().code(), ErrorCode::BadData);
    let (batch, errors) = images.batch_lossy(&all).unwrap();
    let codes: Vec<_> = errors.iter().map(|error| error.as_ref().map(|error| error.code())).collect();
    assert_eq!(codes, [None, Some(ErrorCode::BadData), Some(ErrorCode::NotFound)]);
    let values = batch.as_slice::<f32>().unwrap();
    assert!(values[..values.len() / 3].iter().any(|value| *value != 0.0));
    assert!(values[values.len() / 3..].iter().all(|value| *value == 0.0));
    let mut limits = Limits::default();
    limits.max_image_pixels = 10;
    assert_eq!(images.limits(limits).file(&good).unwrap_err().code(), ErrorCode::LimitExceeded);
    assert!(Preprocess::preset("none").unwrap_err().message().contains("imagenet"));
    assert!(Preprocess::imagenet().fit(&Engine::load(model("two")).unwrap()).is_err());
}

#[test]
fn settings() {
    let pixels: Vec<u8> = (0..6 * 4 * 3).map(|i| (i * 3) as u8).collect();
    let image = [Image::rgb(&pixels, 6, 4)];
    let raw = Preprocess::imagenet().resize(0).crop(2, 2).normalize([0.0; 3], [1.0; 3]);
    let row = raw.batch(&image).unwrap();
    let corner = pixels[(6 + 2) * 3]; // The centre begins at row 1, column 2.
    assert_eq!(row.as_slice::<f32>().unwrap()[0], f32::from(corner) / 255.0);
    let half = raw.clone().dtype(DType::Float16).batch(&image).unwrap();
    assert_eq!(half.as_slice::<F16>().unwrap()[0], F16::from_f32(f32::from(corner) / 255.0));
    let large = raw.resize(8).crop(8, 8);
    let [bilinear, bicubic, nearest] =
        [Interpolation::Bilinear, Interpolation::Bicubic, Interpolation::Nearest].map(|interpolation| {
            large.clone().interpolation(interpolation).batch(&image).unwrap().into_vec::<f32>().unwrap()
        });
    assert!(bilinear != bicubic && bicubic != nearest && nearest != bilinear);
    assert_eq!(Preprocess::presets().unwrap(), ["imagenet", "efficientnet-lite"]);
    let loaded = Preprocess::load(project("samples/photos/preprocess.json")).unwrap();
    let [mean, std] = [[0.498039; 3], [0.501961; 3]];
    let same = Preprocess::imagenet().normalize(mean, std);
    let cat = project("samples/photos/cat.png");
    assert!(loaded.file(&cat).unwrap().as_bytes().unwrap() == same.file(&cat).unwrap().as_bytes().unwrap());
}

#[test]
fn datasets() {
    let dataset = Dataset::open(project("samples/resnet/val")).unwrap();
    assert_eq!(dataset.classes().len(), 10);
    let (path, label) = dataset.sample(0).unwrap();
    assert!(path.exists() && label == Some(0) && !dataset.is_empty());
    assert!(dataset.sample(dataset.len()).is_err());
    assert!(dataset.notes().is_empty());

    let engine = Engine::load(project(FASHION)).unwrap();
    let images = Preprocess::imagenet().fit(&engine).unwrap();
    let options = LoaderOptions { batch_size: 8, max_batches: Some(3), ..Default::default() };
    let mut loader = dataset.loader(&images, &options).unwrap();
    let mut accuracy = Accuracy::new(5).unwrap();
    for batch in &mut loader {
        let batch = batch.unwrap();
        let labels: Vec<usize> = batch.labels().into_iter().map(Option::unwrap).collect();
        assert_eq!(batch.len(), 8);
        assert_eq!(dataset.sample(batch.indices()[3]).unwrap().0, batch.paths()[3]);
        let scores = engine.run([batch.tensor()]).unwrap();
        // The batch's memory goes to a run in the background.
        let again = engine.run_async([batch.into_tensor()]).unwrap().wait().unwrap();
        assert_eq!(scores[0].as_bytes().unwrap(), again[0].as_bytes().unwrap());
        accuracy.add(&scores[0], &labels).unwrap();
    }
    let counts = accuracy.counts().unwrap();
    assert!(counts.count == 24 && counts.top1 > 0.7 && counts.topk_hits >= counts.top1_hits, "{counts:?}");
    let mut twice = Accuracy::new(5).unwrap();
    twice.merge(&accuracy).unwrap();
    twice.merge(&accuracy).unwrap();
    assert_eq!(twice.counts().unwrap().count, 48);
    assert!(accuracy.add(&Tensor::zeros::<f32>(&[2, 3]).unwrap(), &[0]).is_err());
    assert_eq!(loader.ledger().unwrap().done, 24);
    loader.restart().unwrap();
    assert_eq!(loader.count(), 3);

    let files = [project(BOOT), project("samples/resnet/synset.txt")];
    let dataset = Dataset::from_files(files.iter().map(|file| (file, None))).unwrap();
    let mut loader = dataset.loader(&images, &LoaderOptions { batch_size: 2, ..Default::default() }).unwrap();
    assert_eq!((loader.batch_count(), loader.sample_count()), (1, 2));
    let batch = loader.next().unwrap().unwrap();
    drop((dataset, loader));
    assert_eq!((batch.len(), batch.labels(), batch.rejected().len()), (1, vec![None], 1));
    let rejected = &batch.rejected()[0];
    assert_eq!((&rejected.path, rejected.index, rejected.error.code()), (&files[1], 1, ErrorCode::BadData));
    assert!(Dataset::list(project("samples/resnet/images")).unwrap().len() >= 12);
    assert_eq!(Dataset::open("/none").unwrap_err().code(), ErrorCode::NotFound);
}

#[test]
fn scores() {
    let logits = [1f32, 3.0, 2.0, 0.0, 0.0, 5.0];
    let view = TensorView::new(&[2, 3], &logits).unwrap();
    let best = top_k(&view, 2, Scores::Probabilities).unwrap();
    assert_eq!(best.iter().map(|row| row[0].class).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((best[0][1].class, best[0][1].score), (2, 2.0));
    assert_eq!(top_k(&view, 9, Scores::Logits).unwrap()[0].len(), 3);
    let probabilities = softmax(&view).unwrap();
    let row = &probabilities.as_slice::<f32>().unwrap()[..3];
    assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6 && row[1] > row[2]);
    assert_eq!(top_k(&view, 1, Scores::Logits).unwrap()[0][0].score, row[1]);
    assert_eq!(
        top_k(TensorView::new(&[3], &logits[3..]).unwrap(), 1, Scores::Logits).unwrap()[0][0].class,
        2
    );
    let nan = [f32::NAN];
    let error = top_k(TensorView::new(&[1, 1], &nan).unwrap(), 1, Scores::Logits).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadData);
    assert!(top_k(&view, 0, Scores::Logits).is_err());
    assert!(top_k(TensorView::new(&[], &logits[..1]).unwrap(), 1, Scores::Logits).is_err());

    let apart = difference(&view, TensorView::new(&[2, 3], &[1f64; 6]).unwrap(), None).unwrap();
    assert_eq!((apart.abs_max, apart.count), (4.0, 6));
    let labels = load_labels(project("samples/resnet/synset.txt")).unwrap();
    assert_eq!(labels[9], "Ankle boot");
    assert!(load_labels_of(project("samples/resnet/synset.txt"), 11).is_err());
}
