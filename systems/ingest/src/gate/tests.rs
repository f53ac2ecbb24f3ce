use super::*;

/// One letter a coded picture: `K` a decoder can begin with it, `P` refers to the one before, `L`
/// leads, `B` is needed by none, `R` a recovery point three pictures long, `H` headers, `?` a key picture
/// without its headers. In front: `+` after a gap, `-` incomplete, `~` three seconds late, `e` the
/// decoder fails on it.
fn decisions(gate: &mut Gate, pictures: &str) -> String {
    let mut out = String::new();
    let (mut after_gap, mut incomplete, mut lag, mut fails) = (false, None, Duration::ZERO, false);
    for letter in pictures.chars() {
        let kind = match letter {
            '+' => {
                after_gap = true;
                continue;
            }
            '-' => {
                incomplete = Some("cut");
                continue;
            }
            '~' => {
                lag = Duration::from_secs(3);
                continue;
            }
            'e' => {
                fails = true;
                continue;
            }
            'K' => UnitKind::RandomAccess,
            '?' => UnitKind::RandomAccessWithoutHeaders,
            'R' => UnitKind::RecoveryPoint { frames: 3 },
            'L' => UnitKind::Leading,
            'H' => UnitKind::Headers,
            _ => UnitKind::Picture,
        };
        let unit = Unit { kind, disposable: letter == 'B', incomplete };
        let after_opening = Duration::from_secs(60);
        let decision = gate.decide(&Arrival { unit, after_gap, lag, after_opening });
        out.push(match decision {
            Decision::Show if fails && gate.decoder_failed() => 'e',
            Decision::Show => 's',
            Decision::Prepare(_) => 'p',
            Decision::Drop(PictureFault::NoKeyFrame) => 'k',
            Decision::Drop(PictureFault::PacketsLost) => 'l',
            Decision::Drop(PictureFault::Truncated) => 't',
            Decision::Drop(PictureFault::Skipped) => 'o',
            Decision::Drop(_) => 'd',
        });
        (after_gap, incomplete, lag, fails) = (false, None, Duration::ZERO, false);
    }
    out
}

#[track_caller]
fn check(pictures: &str, expected: &str) {
    assert_eq!(decisions(&mut Gate::default(), pictures), expected);
}

#[test]
fn nothing_is_shown_before_a_picture_that_a_decoder_can_begin_with() {
    check("PPKPP", "kksss");
    check("P?PKP", "kkkss");
}

#[test]
fn after_a_gap_nothing_is_shown_until_the_next_one() {
    check("KP+PPPKP", "sslllss");
    check("KP+KP", "ssss");
    check("KP-PPK", "sstts");
    check("K-KPK", "stts");
}

#[test]
fn leading_pictures_of_the_one_that_began_are_left_out() {
    check("KLLPKLL", "skkssss");
    check("KP+PKLPKL", "sslskss s".replace(' ', "").as_str());
}

#[test]
fn an_intra_refresh_stream_is_shown_once_it_has_recovered() {
    check("PPRPPPPP", "kkpppsss");
    check("KPRPP", "sssss");
    check("RPPPP+PPRPPPP", "pppssllpppss");
}

#[test]
fn a_decoder_that_is_late_leaves_out_the_rest_of_a_group() {
    check("KP~PPPK~KKP", "ssooososs");
}

#[test]
fn what_the_decoder_fails_on_is_broken_until_the_next_key_picture() {
    check("KPePPPKP", "sseddss");
}

#[test]
fn a_camera_that_the_decoder_always_complains_of_is_shown() {
    let mut gate = Gate::default();
    assert_eq!(decisions(&mut gate, "KePPKePPKePPK"), "sedsedseds");
    assert!(gate.is_odd());
    assert_eq!(decisions(&mut gate, "ePPKePP"), "sssss");
}

#[test]
fn errors_after_gaps_say_nothing_of_the_camera() {
    let mut gate = Gate::default();
    decisions(&mut gate, &"KeP+PP".repeat(9));
    assert!(!gate.is_odd());
}

#[test]
fn a_recovery_point_before_leading_pictures_is_no_beginning() {
    check("PRLLPPRLLPKLLP", "kpkkkkkkkkskks");
}
