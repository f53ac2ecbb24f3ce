//! Times a detector's network, with random weights: `bench [n|s] [size] [runs] [threads] [layers]`.
//!
//! `PRECISION=bf16` stores and multiplies in 16 bits.

use std::time::Instant;

use detector_kernels::{
    Activation, Builder, Convolution, Error, Isa, Options, PoolWindow, Precision, Program, Value,
};

/// The blocks of version 8.
struct Network {
    builder: Builder,
    seed: u32,
}

impl Network {
    fn random(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count)
            .map(|_| {
                self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((self.seed >> 8) as f32 / 8_388_608.0 - 1.0) * scale
            })
            .collect()
    }

    fn conv(&mut self, x: Value, outputs: usize, side: usize, stride: usize) -> Value {
        self.any(x, outputs, side, stride, Activation::Silu)
    }

    fn any(
        &mut self,
        x: Value,
        outputs: usize,
        side: usize,
        stride: usize,
        activation: Activation,
    ) -> Value {
        let count = outputs * self.builder.shape(x).channels * side * side;
        let scale = 1.7 / ((count / outputs) as f32).sqrt();
        let convolution = Convolution {
            bias: self.random(outputs, 0.1),
            stride: [stride; 2],
            padding: [side / 2; 4],
            activation,
            ..Convolution::new(outputs, [side; 2], self.random(count, scale))
        };
        self.builder.convolution(x, convolution).expect("the network fits together")
    }

    fn join(&mut self, parts: &[Value]) -> Value {
        self.builder.concatenate(parts).expect("the parts have one size")
    }

    fn c2f(&mut self, x: Value, outputs: usize, count: usize, add: bool) -> Value {
        let half = outputs / 2;
        let split = self.conv(x, outputs, 1, 1);
        let mut parts = vec![split];
        let mut last = self.builder.channels(split, half..outputs).expect("there are as many");
        for _ in 0..count {
            let deep = self.conv(last, half, 3, 1);
            let deep = self.conv(deep, half, 3, 1);
            last = match add {
                true => self.builder.add(last, deep).expect("both have one shape"),
                false => deep,
            };
            parts.push(last);
        }
        let all = self.join(&parts);
        self.conv(all, outputs, 1, 1)
    }

    fn up(&mut self, x: Value) -> Value {
        self.builder.upsample_nearest(x, [2, 2]).expect("the factors are not 0")
    }

    fn sppf(&mut self, x: Value, outputs: usize) -> Value {
        let first = self.conv(x, outputs / 2, 1, 1);
        let mut parts = vec![first];
        for _ in 0..3 {
            let window = PoolWindow { padding: [2; 4], ..PoolWindow::square(5, 1) };
            let last = parts[parts.len() - 1];
            parts.push(self.builder.max_pool(last, window).expect("the window fits"));
        }
        let all = self.join(&parts);
        self.conv(all, outputs, 1, 1)
    }

    /// The outputs of a detector for 80 classes.
    fn detector(&mut self, x: Value, width: usize) -> Vec<Value> {
        let channels = [1, 2, 4, 8, 16].map(|factor| factor * width);
        let x = self.conv(x, channels[0], 3, 2);
        let x = self.conv(x, channels[1], 3, 2);
        let x = self.c2f(x, channels[1], 1, true);
        let x = self.conv(x, channels[2], 3, 2);
        let p3 = self.c2f(x, channels[2], 2, true);
        let x = self.conv(p3, channels[3], 3, 2);
        let p4 = self.c2f(x, channels[3], 2, true);
        let x = self.conv(p4, channels[4], 3, 2);
        let x = self.c2f(x, channels[4], 1, true);
        let p5 = self.sppf(x, channels[4]);
        let up = self.up(p5);
        let x = self.join(&[up, p4]);
        let middle = self.c2f(x, channels[3], 1, false);
        let up = self.up(middle);
        let x = self.join(&[up, p3]);
        let fine = self.c2f(x, channels[2], 1, false);
        let down = self.conv(fine, channels[2], 3, 2);
        let x = self.join(&[down, middle]);
        let middle = self.c2f(x, channels[3], 1, false);
        let down = self.conv(middle, channels[3], 3, 2);
        let x = self.join(&[down, p5]);
        let coarse = self.c2f(x, channels[4], 1, false);
        let boxes = 64.max(channels[2] / 4);
        let classes = channels[2].max(80);
        let mut outputs = Vec::new();
        for feature in [fine, middle, coarse] {
            for (inner, outer) in [(boxes, 64), (classes, 80)] {
                let x = self.conv(feature, inner, 3, 1);
                let x = self.conv(x, inner, 3, 1);
                outputs.push(self.any(x, outer, 1, 1, Activation::Identity));
            }
        }
        outputs
    }
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize, default: usize| {
        arguments.get(index).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let width = if arguments.first().is_some_and(|name| name == "s") { 32 } else { 16 };
    let (size, runs, threads) = (argument(1, 640), argument(2, 30), argument(3, 2));
    let bf16 = std::env::var("PRECISION").is_ok_and(|precision| precision == "bf16");
    let precision = if bf16 { Precision::Bf16 } else { Precision::F32 };

    let mut network = Network { builder: Builder::new(), seed: 1 };
    let x = network.builder.input(3, size, size)?;
    let outputs = network.detector(x, width);
    let start = Instant::now();
    let program = network.builder.finish(&outputs, &Options { threads, precision, isa: None })?;
    println!("planned in {:.1} ms, {} MB", millis(start), program.memory() >> 20);

    let mut buffers: Vec<Vec<f32>> =
        program.outputs().iter().map(|shape| vec![0.0; shape.len()]).collect();
    let mut outputs: Vec<&mut [f32]> = buffers.iter_mut().map(Vec::as_mut_slice).collect();
    let input = vec![0.5; program.input().len()];
    for _ in 0..3 {
        program.run(1, &input, &mut outputs)?;
    }
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            program.run(1, &input, &mut outputs).map(|()| millis(start))
        })
        .collect::<Result<_, _>>()?;
    times.sort_by(f64::total_cmp);
    println!("{:?} median {:.2} ms, min {:.2} ms", Isa::best(), times[runs / 2], times[0]);
    if arguments.len() > 4 {
        layers(&program, &input, &mut outputs)?;
    }
    Ok(())
}

/// The shortest time of each step.
fn layers(program: &Program, input: &[f32], outputs: &mut [&mut [f32]]) -> Result<(), Error> {
    let steps = program.profile(100, input, outputs)?;
    for step in &steps {
        let rate = step.operations as f64 / step.least_nanos as f64;
        println!(
            "{:10} {:8.3} ms {rate:7.1} {}",
            step.kind,
            step.least_nanos as f64 / 1e6,
            step.shape
        );
    }
    let mut kinds: Vec<(&str, f64, f64)> = Vec::new();
    for step in &steps {
        let (millis, operations) = (step.least_nanos as f64 / 1e6, step.operations as f64 / 1e9);
        match kinds.iter_mut().find(|kind| kind.0 == step.kind) {
            Some(kind) => (kind.1, kind.2) = (kind.1 + millis, kind.2 + operations),
            None => kinds.push((step.kind, millis, operations)),
        }
    }
    let all: f64 = kinds.iter().map(|kind| kind.1).sum();
    println!("all        {all:8.3} ms");
    for (kind, millis, operations) in kinds {
        println!("{kind:10} {millis:8.3} ms {:7.1} GFLOP/s", operations / millis * 1e3);
    }
    Ok(())
}

fn millis(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
