use detector_kernels::{
    AttentionOptions, Builder, Convolution, Error, Isa, Options, PoolWindow, TransposedConvolution,
    Value,
};

/// The error of an operation on an input of 16x8x8.
#[track_caller]
fn check(expected: &str, network: impl FnOnce(&mut Builder, Value) -> Result<Value, Error>) {
    let mut builder = Builder::new();
    let x = builder.input(16, 8, 8).unwrap();
    builder.label("model.3");
    assert_eq!(network(&mut builder, x).unwrap_err().to_string(), expected);
}

#[test]
fn an_error_names_the_operation_and_what_would_fit() {
    check(
        "operation 1 (convolution, model.3): number of weights is 7 instead of 144",
        |network, x| network.convolution(x, Convolution::new(1, [3, 3], vec![0.0; 7])),
    );
}

#[test]
fn a_convolution_that_does_not_fit_is_refused() {
    let plain = || Convolution::new(2, [3, 3], vec![0.0; 288]);
    check(
        "operation 1 (convolution, model.3): a size, stride, dilation or number of groups is 0",
        |network, x| network.convolution(x, Convolution { stride: [0, 1], ..plain() }),
    );
    check(
        "operation 1 (convolution, model.3): 3 groups do not divide 16 inputs, 2 outputs",
        |network, x| network.convolution(x, Convolution { groups: 3, ..plain() }),
    );
    check(
        "operation 1 (convolution, model.3): padding of [3, 0] is more than its kernel reaches, 3",
        |network, x| network.convolution(x, Convolution { padding: [3, 0, 0, 0], ..plain() }),
    );
    check(
        "operation 1 (convolution, model.3): its kernel is larger than its padded input 16x8x8",
        |network, x| network.convolution(x, Convolution { dilation: [4, 4], ..plain() }),
    );
    check(
        "operation 1 (convolution, model.3): number of biases is 1 instead of 2",
        |network, x| network.convolution(x, Convolution { bias: vec![0.0], ..plain() }),
    );
}

#[test]
fn a_transposed_convolution_that_does_not_fit_is_refused() {
    let plain = || TransposedConvolution::new(2, [2, 2], [2, 2], vec![0.0; 128]);
    check(
        "operation 1 (transposed convolution, model.3): its output padding is not less than its \
         stride",
        |network, x| {
            let convolution = TransposedConvolution { output_padding: [2, 0], ..plain() };
            network.transposed_convolution(x, convolution)
        },
    );
    check(
        "operation 1 (transposed convolution, model.3): number of weights is 128 instead of 192",
        |network, x| {
            let convolution = TransposedConvolution { outputs: 3, ..plain() };
            network.transposed_convolution(x, convolution)
        },
    );
}

#[test]
fn tensors_that_do_not_go_together_are_refused() {
    check("operation 2 (add, model.3): 16x8x8 and 4x8x8 differ in shape", |network, x| {
        let some = network.channels(x, 0..4)?;
        network.add(x, some)
    });
    check("operation 2 (concatenate, model.3): 16x8x8 and 16x4x4 differ in size", |network, x| {
        let small = network.max_pool(x, PoolWindow::square(2, 2))?;
        network.concatenate(&[x, small])
    });
    check("operation 1 (select channels, model.3): 16x8x8 has no channel 16", |network, x| {
        network.channels(x, 8..17)
    });
    check("operation 1 (select channels, model.3): a tensor of 0x8x8 is empty", |network, x| {
        network.channels(x, 8..8)
    });
    check("operation 1 (concatenate, model.3): there is nothing to put together", |network, _| {
        network.concatenate(&[])
    });
    check("operation 1 (input, model.3): the input is the first operation, and there is one", {
        |network, _| network.input(3, 8, 8)
    });
}

#[test]
fn attention_that_does_not_fit_is_refused() {
    let options = AttentionOptions { heads: 2, key_dim: 8, head_dim: 8, scale: 1.0, areas: 3 };
    check(
        "operation 1 (attention, model.3): the places of 16x8x8 are not 3 equal areas",
        |network, x| network.attention(x, x, x, options),
    );
    check(
        "operation 1 (attention, model.3): channels of values is 16 instead of 18",
        |network, x| network.attention(x, x, x, AttentionOptions { head_dim: 9, ..options }),
    );
}

#[test]
fn a_window_that_does_not_fit_is_refused() {
    check(
        "operation 1 (max pool, model.3): padding of [2, 0] is more than half its window",
        |network, x| {
            let window = PoolWindow { padding: [2, 0, 0, 0], ..PoolWindow::square(3, 1) };
            network.max_pool(x, window)
        },
    );
    check(
        "operation 1 (max pool, model.3): its window is larger than 8 padded places",
        |network, x| network.max_pool(x, PoolWindow::square(9, 1)),
    );
}

#[test]
fn what_is_too_large_is_refused_before_it_is_allocated() {
    check(
        "operation 1 (resize, model.3): a tensor of 16x1000000x1000000 is too large",
        |network, x| network.resize_nearest(x, 1_000_000, 1_000_000),
    );
}

#[test]
fn buffers_of_the_wrong_size_are_refused() {
    let mut builder = Builder::new();
    let x = builder.input(3, 4, 4).unwrap();
    let program = builder.finish(&[x], &Options::default()).unwrap();
    let mut output = vec![0.0; 48];
    let run = |input: usize, output: usize, pictures: usize| {
        let mut buffer = vec![0.0; output];
        program.run(pictures, &vec![0.0; input], &mut [&mut buffer]).map_err(|e| e.to_string())
    };
    assert_eq!(run(47, 48, 1).unwrap_err(), "the input has 47 numbers instead of 48");
    assert_eq!(run(96, 48, 2).unwrap_err(), "output 0 has 48 numbers instead of 96");
    assert_eq!(run(96, 96, 2), Ok(()));
    let error = program.run(1, &[0.0; 48], &mut [&mut output, &mut []]).unwrap_err();
    assert_eq!(error.to_string(), "2 outputs were given instead of 1");
}

#[test]
fn an_instruction_set_that_the_cpu_lacks_is_refused() {
    let all = [Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Avx512Bf16];
    for isa in all.into_iter().filter(|isa| !isa.is_available()) {
        let mut builder = Builder::new();
        let x = builder.input(3, 4, 4).unwrap();
        let options = Options { isa: Some(isa), ..Options::default() };
        let error = builder.finish(&[x], &options).err().unwrap();
        assert_eq!(error.to_string(), format!("this CPU does not have {isa:?}"));
    }
}

#[test]
fn a_network_without_output_is_refused() {
    let error = Builder::new().finish(&[], &Options::default()).err().unwrap();
    assert_eq!(error.to_string(), "the network has no output");
}
