//! What Python would run while it reads a pickle stays a name with arguments here, whatever the way
//! in which the pickle asks for it.

use detector_yolo::{Checkpoint, CheckpointError, Kind};

use crate::hostile::walk;
use crate::writer::{checkpoint, pickle, text, tuple};

/// A file that the commands below would make.
fn trace() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("detector-yolo-was-run-{}", std::process::id()))
}

/// Checks that a pickle is read as a call of `class`, and that nothing was called.
#[track_caller]
fn check(body: &[u8], class: &str) {
    let checkpoint = Checkpoint::from_bytes(checkpoint(&pickle(body))).unwrap();
    let call = checkpoint.root();
    assert_eq!((call.kind(), call.class()), (Kind::Object, Some(class)));
    walk(&checkpoint);
    assert!(!trace().exists(), "the pickle was run");
}

/// The argument of a call that would leave a trace.
fn command() -> Vec<u8> {
    [text(&format!("touch {}", trace().display())), b"\x85".to_vec()].concat()
}

#[test]
fn a_call_of_the_system_is_a_name_with_arguments() {
    for module in ["posix", "nt", "os"] {
        let global = format!("c{module}\nsystem\n").into_bytes();
        check(&[global, command(), b"R".to_vec()].concat(), &format!("{module}.system"));
    }
    let body = [&b"cposix\nsystem\n"[..], &text("touch /tmp/x"), b"\x85R"].concat();
    let checkpoint = Checkpoint::from_bytes(checkpoint(&pickle(&body))).unwrap();
    assert_eq!(checkpoint.root().arguments()[0].as_str(), Some("touch /tmp/x"));
}

#[test]
fn code_in_a_text_stays_a_text() {
    for function in ["builtins\neval", "builtins\nexec", "__builtin__\neval", "builtins\ncompile"] {
        let body = [format!("c{function}\n").into_bytes(), command(), b"R".to_vec()].concat();
        check(&body, &function.replace('\n', "."));
    }
}

#[test]
fn a_name_made_on_the_stack_is_a_name_too() {
    let name = [text("subprocess"), text("Popen"), b"\x93".to_vec()].concat();
    check(&[&name[..], &command(), b"R"].concat(), "subprocess.Popen");
    // As a new object, with arguments by name as well.
    check(&[&name[..], &command(), b"\x81"].concat(), "subprocess.Popen");
    check(&[&name[..], &command(), b"}\x92"].concat(), "subprocess.Popen");
}

#[test]
fn a_call_of_what_a_call_gives_is_not_followed() {
    // getattr(__import__("os"), "system")("touch ...")
    let import = [b"c__builtin__\n__import__\n", &text("os")[..], b"\x85R"].concat();
    let system = [b"c__builtin__\ngetattr\n", &import[..], &text("system"), b"\x86R"].concat();
    let body = [&system[..], &command(), b"R"].concat();
    let checkpoint = Checkpoint::from_bytes(checkpoint(&pickle(&body))).unwrap();
    assert_eq!((checkpoint.root().kind(), checkpoint.root().class()), (Kind::Object, None));
    walk(&checkpoint);
    assert!(!trace().exists(), "the pickle was run");
}

#[test]
fn a_state_is_kept_and_never_given_to_an_object() {
    let body = [b"cos\n_Environ\n)\x81}", &text("__setstate__")[..], b"cos\nsystem\nsb"].concat();
    check(&body, "os._Environ");
}

#[test]
fn what_reads_a_tensor_in_other_ways_is_not_called() {
    for function in ["torch.storage\n_load_from_bytes", "torch.jit\nload", "torch.hub\nload"] {
        let body = [format!("c{function}\n").into_bytes(), b"C\x02PK\x85R".to_vec()].concat();
        check(&body, &function.replace('\n', "."));
    }
}

#[test]
fn old_ways_to_call_something_are_refused() {
    // INST, OBJ, PERSID, EXT1, EXT2, EXT4, NEXT_BUFFER, READONLY_BUFFER.
    for opcode in [b'i', b'o', b'P', 0x82, 0x83, 0x84, 0x97, 0x98] {
        let body = [b"(", &text("touch /tmp/x")[..], &[opcode], b"os\nsystem\n"].concat();
        let error = Checkpoint::from_bytes(checkpoint(&pickle(&body))).unwrap_err();
        assert!(
            matches!(error, CheckpointError::Opcode { opcode: found, .. } if found == opcode),
            "{error}"
        );
    }
}

#[test]
fn a_call_with_something_else_than_arguments_is_refused() {
    for arguments in [&b"N"[..], b"]", b"}", b"K\x01"] {
        let body = [b"cos\nsystem\n", arguments, b"R"].concat();
        let error = Checkpoint::from_bytes(checkpoint(&pickle(&body))).unwrap_err();
        assert!(error.to_string().contains("the arguments are not a tuple"), "{error}");
    }
}

#[test]
fn a_tensor_of_a_tensor_that_calls_itself_ends() {
    // _rebuild_from_type_v2 says which function makes the tensor: itself, many times over.
    let mut arguments = tuple(&[1, 2, 3]);
    for _ in 0..300 {
        let inner = b"ctorch._tensor\n_rebuild_from_type_v2\n";
        arguments = [b"(", &inner[..], b"cm\nT\n", &arguments, b"Nt"].concat();
    }
    let body = [b"ctorch._tensor\n_rebuild_from_type_v2\n", &arguments[..], b"R"].concat();
    // Refused for its depth, or read: either way it ends.
    if let Ok(checkpoint) = Checkpoint::from_bytes(checkpoint(&pickle(&body))) {
        walk(&checkpoint);
    }
}
