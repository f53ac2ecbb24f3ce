use detector_components::frame::PixelFormat;

use super::*;

/// The same picture with other luma.
fn with_luma(pixels: &Pixels, change: impl FnOnce(&mut Vec<u8>)) -> Pixels {
    let mut planes: Vec<Vec<u8>> = (0..3).map(|plane| pixels.plane(plane).to_vec()).collect();
    change(&mut planes[0]);
    Pixels::new(pixels.format(), pixels.size(), pixels.strides().to_vec(), pixels.color(), planes)
        .unwrap()
}

#[test]
fn a_picture_carries_its_number_in_every_size() {
    for (width, height) in [(64, 48), (320, 240), (642, 362), (2560, 64), (64, 720)] {
        let scene = NumberedScene::default().with_size(width, height);
        for number in [0, 1, 2, 255, 256, 40_000, 65_535] {
            let found = NumberedScene::identify(&scene.draw(number));
            assert_eq!(found, Some(number), "{width} x {height}");
        }
    }
    let wrapped = NumberedScene::default().draw(NumberedScene::NUMBERS + 7);
    assert_eq!(NumberedScene::identify(&wrapped), Some(7));
}

#[test]
fn what_carries_no_number_has_none() {
    let picture = NumberedScene::default().draw(9);
    for value in [0, 16, 128, 235, 255] {
        let flat = with_luma(&picture, |luma| luma.fill(value));
        assert_eq!(NumberedScene::identify(&flat), None, "{value}");
    }
    // One block of the strip is another one.
    let (block, left) = (20, 2 * 20);
    let other = with_luma(&picture, |luma| {
        for row in luma.chunks_mut(320).skip(block / 2).take(block) {
            row[left..left + block].fill(BRIGHT);
        }
    });
    assert_eq!(NumberedScene::identify(&other), None);
}

#[test]
fn rgb_of_either_range_is_read() {
    let scene = NumberedScene::default();
    let picture = scene.draw(1234);
    for full in [false, true] {
        let grey = |luma: &u8| {
            let luma = f64::from(*luma);
            let value = if full { luma } else { (luma - 16.0) * 255.0 / 219.0 };
            [value.round().clamp(0.0, 255.0) as u8; 3]
        };
        let rgb = picture.plane(0).iter().flat_map(grey).collect();
        let rgb = Pixels::rgb(scene.size, rgb).unwrap();
        assert_eq!(rgb.format(), PixelFormat::Rgb);
        assert_eq!(NumberedScene::identify(&rgb), Some(1234));
        assert!(scene.psnr(&rgb, 1234) > 45.0, "{}", scene.psnr(&rgb, 1234));
    }
}

/// The other pictures of a scene, flat ones and partly wrong ones are told from the right one by far.
#[test]
fn wrong_pictures_score_below_the_thresholds() {
    let scene = NumberedScene::default();
    let right = scene.draw(50);
    assert_eq!(scene.psnr(&right, 50), 99.0);
    assert_eq!(scene.worst_psnr(&right, 50), 99.0);
    #[track_caller]
    fn check(what: &str, score: f64, threshold: f64) {
        assert!(score < threshold - 4.0, "{what}: {score:.1} dB, not far below {threshold} dB");
    }
    for other in (0..400).filter(|&other| other != 50) {
        let score = scene.psnr(&scene.draw(other), 50);
        check(&format!("picture {other}"), score, NumberedScene::RIGHT_PSNR);
    }
    let grey = with_luma(&right, |luma| luma.fill(128));
    check("grey", scene.psnr(&grey, 50), NumberedScene::RIGHT_PSNR);
    let smeared = with_luma(&right, |luma| {
        let from = luma.len() * 3 / 4;
        let row = luma[from - 320..from].to_vec();
        luma[from..].chunks_mut(320).for_each(|below| below.copy_from_slice(&row));
    });
    check("smeared", scene.psnr(&smeared, 50), NumberedScene::RIGHT_PSNR);
    let one_macroblock = with_luma(&right, |luma| {
        for row in luma.chunks_mut(320).skip(160).take(16) {
            row[160..176].fill(128);
        }
    });
    let worst = scene.worst_psnr(&one_macroblock, 50);
    check("one macroblock", worst, NumberedScene::UNDAMAGED_PSNR);
    let next = scene.draw(51);
    let one_slice_of_the_next = with_luma(&right, |luma| {
        luma[100 * 320..132 * 320].copy_from_slice(&next.plane(0)[100 * 320..132 * 320]);
    });
    let worst = scene.worst_psnr(&one_slice_of_the_next, 50);
    check("one slice of the next", worst, NumberedScene::UNDAMAGED_PSNR);
    assert_eq!(scene.psnr(&scene.with_size(64, 48).draw(50), 50), 0.0);
}
