//! Bad input: an error at its place, and deadlocks reported with who waits for whom. Never a hang.

use policy::sched::registry;
use policy::sim::config::Document;
use policy::sim::{Stop, simulate};

/// The message, and the line it points at.
fn mistake(text: &str) -> (String, usize) {
    let error = match Document::new(text, &[]) {
        Err(error) => error,
        Ok(document) => document.scenario().map(|_| ()).expect_err("a mistake"),
    };
    let line = error.1[..error.0.span.start.min(error.1.len())].matches('\n').count() + 1;
    (error.0.message.clone(), line)
}

#[test]
fn mistakes_are_named_with_their_line() {
    let group = "[[group]]\nname = \"A\"\n";
    let cases: &[(&str, &str, usize)] = &[
        (
            "[policy]\nquantum = \"0ms\"\n[[thread]]\nname = \"T\"\nprogram = [{ compute = \"1ms\" }]",
            "quantum is zero",
            2,
        ),
        ("[[thread]]\nname = \"T\"\nprogram = [\n{ compute = \"-1ms\" }]", "negative", 4),
        ("[[thread]]\nname = \"T\"\nprogram = [{ compute = \"1\" }]", "no unit", 3),
        ("[[thread]]\nname = \"T\"\nprogram = [{ compote = \"1ms\" }]", "unknown field `compote`", 3),
        (
            "[[thread]]\nname = \"T\"\nprogram = [{ lock = \"L\", hold = \"1ms\" }]",
            "no synchronizer is called `L`",
            3,
        ),
        ("[[thread]]\nname = \"T\"\nprogram = [{ compute = \"1ms\", io = \"1ms\" }]", "one thing", 3),
        ("[machine]\ncpus = 0\n[[thread]]\nname = \"T\"\nprogram = []", "1 to 65536 CPUs", 2),
        ("policies = [\"gong\"]\n[[thread]]\nname = \"T\"\nprogram = []", "no policy is called `gong`", 1),
        ("machine = 3", "", 1),
        ("[[thread]\n", "", 1),
        ("", "nothing to run", 1),
        ("[let]\nx = 1\n[sweep]\nover = \"y\"\nvalues = [1]", "no variable of `[let]` is called `y`", 4),
        ("[balance]\nnodes = 0\nloads = [0.5]", "nodes", 2),
        ("[balance]\nnodes = 2\nloads = [-0.5]", "loads are between", 3),
    ];
    for (text, message, line) in cases {
        let (said, at) = mistake(text);
        assert!(said.contains(message), "{text}\n{said}");
        assert_eq!(at, *line, "{text}\n{said}");
    }
    let (said, _) = mistake(&format!("{group}threads = 2\nprogram = [{{ send = 2 }}]"));
    assert!(said.contains("ranks are 0 to 1"), "{said}");
}

#[test]
fn what_would_grow_without_bound_is_refused() {
    let thread = "[[thread]]\nname = \"T\"\nprogram = []\n";
    let many = "count = 9223372036854775807\nthreads = 4000000\nprogram = []";
    let (said, at) = mistake(&format!("{thread}[[group]]\nname = \"A\"\n{many}"));
    assert!(said.contains("at most 4000000 threads") && at == 6, "{said}");
    let generated = "[[generate]]\nkind = \"poisson\"\njobs = 1000000\n".repeat(5);
    assert!(mistake(&generated).0.contains("4,000,000"));
    let own = "[[group.sync]]\nname = \"X\"\nkind = \"mutex\"\n[[group.sync]]\nname = \"Y\"\nkind = \"mutex\"\n\
               [[group.sync]]\nname = \"Z\"\nkind = \"mutex\"\n";
    let (said, at) = mistake(&format!("[[group]]\nname = \"A\"\ncount = 3000000\nprogram = []\n{own}"));
    assert!(said.contains("synchronizers of their own") && at == 3, "{said}");
    let variables: Vec<String> = ('a'..'j')
        .zip('b'..)
        .map(|(to, from)| format!("{to} = [{}]\n", format!("\"${from}\",").repeat(30)))
        .collect();
    let (said, _) = mistake(&format!("[let]\nj = 1\n{}{thread}", variables.concat()));
    assert!(said.contains("the file grows beyond"), "{said}");
    let process = |name: &str| {
        format!("[[allocate.process]]\nname = \"{name}\"\ncpu = 9223372036854775807\nmemory = \"1KiB\"\n")
    };
    let node = "[[allocate.node]]\ncpu = 9223372036854775807\nmemory = \"1MiB\"\n";
    let (said, _) = mistake(&format!("[allocate]\n{node}{}{}{}", process("a"), process("b"), process("c")));
    assert!(said.contains("CPU is at most"), "{said}");
    let nodes = "[[allocate.node]]\ncpu = 9\nmemory = \"1MiB\"\ncount = 2\n";
    let process = |name: &str| process(name).replace("9223372036854775807", "1");
    let talk = "[[allocate.traffic]]\nbetween = [\"a\", \"b\"]\nrate = 1000000000000000000\n";
    let (said, at) = mistake(&format!("[allocate]\n{nodes}{}{}{talk}{talk}", process("a"), process("b")));
    assert!(said.contains("beyond the end of numbers") && at == 18, "{at}: {said}");
}

#[test]
fn a_cycle_of_barriers_is_found_before_anything_runs() {
    let text = "
[[sync]]
name = \"X\"
kind = \"barrier\"
parties = 2
[[sync]]
name = \"Y\"
kind = \"barrier\"
parties = 2
[[thread]]
name = \"P\"
program = [{ barrier = \"X\" }, { barrier = \"Y\" }]
[[thread]]
name = \"Q\"
program = [{ barrier = \"Y\" }, { barrier = \"X\" }]
";
    let (said, line) = mistake(text);
    assert!(said.contains("P waits at `X`") && said.contains("Q waits at `Y`"), "{said}");
    assert_eq!(line, 12, "{said}");
}

fn stop(text: &str, policy: &str) -> Stop {
    let scenario = Document::new(text, &[]).and_then(|document| document.scenario()).expect("it reads");
    let schedule = scenario.schedule.expect("threads");
    simulate(&schedule.workload, registry::find(policy).unwrap(), &schedule.options).expect_err("it stops")
}

#[test]
fn locks_taken_in_two_orders_deadlock_with_who_waits_for_whom() {
    for kind in ["mutex", "spin"] {
        let text = format!(
            "[machine]\ncpus = 2\n[[sync]]\nname = \"L1\"\nkind = \"{kind}\"\n[[sync]]\nname = \"L2\"\nkind = \"{kind}\"
[[thread]]
name = \"P\"
program = [{{ lock = \"L1\" }}, {{ compute = \"1ms\" }}, {{ lock = \"L2\" }}]
[[thread]]
name = \"Q\"
program = [{{ lock = \"L2\" }}, {{ compute = \"1ms\" }}, {{ lock = \"L1\" }}]"
        );
        // A static partition has one thread at a time run to its end here, which takes both locks and keeps them.
        for policy in registry::POLICIES.iter().filter(|policy| policy.name != "space-static") {
            let stop = stop(&text, policy.name);
            let Stop::Deadlock { waiting, total: 2, .. } = &stop else { panic!("{}: {stop}", policy.name) };
            let who: Vec<(&str, &str)> =
                waiting.iter().map(|w| (w.name.as_str(), w.on[0].as_str())).collect();
            assert!(who.contains(&("P", "Q")) && who.contains(&("Q", "P")), "{}: {who:?}", policy.name);
        }
    }
}

#[test]
fn waiting_for_what_never_comes_is_a_deadlock_too() {
    let receive = "[[group]]\nname = \"A\"\nthreads = 2\nprogram = [{ receive = \"spin\" }]";
    let ended =
        "[[sync]]\nname = \"L\"\nkind = \"spin\"\n[[thread]]\nname = \"P\"\nprogram = [{ lock = \"L\" }]
[[thread]]\nname = \"Q\"\narrive = \"1ms\"\nprogram = [{ lock = \"L\", hold = \"1ms\" }]";
    let semaphore = "[[sync]]\nname = \"S\"\nkind = \"semaphore\"\n[[thread]]\nname = \"P\"\nprogram = [{ down = \"S\" }]";
    for (text, says) in [(receive, "a message"), (ended, "P (which has ended)"), (semaphore, "semaphore `S`")]
    {
        for policy in registry::POLICIES {
            let stop = stop(text, policy.name);
            assert!(matches!(stop, Stop::Deadlock { .. }), "{}: {stop}", policy.name);
            assert!(stop.to_string().contains(says), "{}: {stop}", policy.name);
        }
    }
}

#[test]
fn a_lock_given_back_by_a_stranger_and_a_run_without_end_are_errors() {
    let stranger =
        "[[sync]]\nname = \"L\"\nkind = \"mutex\"\n[[thread]]\nname = \"P\"\nprogram = [{ unlock = \"L\" }]";
    assert!(matches!(stop(stranger, "fair"), Stop::NotHolder { .. }));
    let long = "[machine]\nsteps_max = 1000\n[[thread]]\nname = \"P\"\nprogram = [{ repeat = 4000000000, do = [{ repeat = 4000000000, do = [{ compute = \"0ns\" }] }] }]";
    assert!(matches!(stop(long, "fair"), Stop::TooLong { .. }));
}

#[test]
fn the_end_of_virtual_time_is_an_error_and_no_deadlock() {
    for program in [
        "{ compute = { pareto = \"9000000s\", shape = 0.1 } }",
        "{ io = { pareto = \"9000000s\", shape = 0.1 } }",
        "{ compute = \"9000000s\" }, { io = \"9000000s\" }",
    ] {
        let text = format!(
            "[policy]\nquantum = \"9000000s\"\n[[thread]]\nname = \"P\"\ncount = 3000\nprogram = [{{ repeat = 1000000, do = [{program}] }}]"
        );
        for policy in ["time-sharing", "fair", "space-fcfs"] {
            let stop = stop(&text, policy);
            assert!(matches!(stop, Stop::EndOfTime { .. }), "{policy}: {stop}");
        }
    }
    let late =
        "[[thread]]\nname = \"P\"\ncount = 300000\nbetween = \"9000000s\"\nprogram = [{ compute = \"1ms\" }]";
    assert!(matches!(stop(late, "gang"), Stop::EndOfTime { .. }));
}

#[test]
fn a_semaphore_that_is_full_stays_full() {
    let text = "[[sync]]\nname = \"s\"\nkind = \"semaphore\"\ncount = 4294967295\n\
                [[thread]]\nname = \"P\"\nprogram = [{ up = \"s\" }, { down = \"s\" }]";
    let schedule = policy::sim::config::parse(text).expect("a valid file").schedule.expect("threads");
    let policy = policy::sched::registry::find("fair").expect("registered");
    assert!(policy::sim::simulate(&schedule.workload, policy, &schedule.options).is_ok());
}

#[test]
fn cpus_kept_for_threads_that_spin_are_a_deadlock_and_no_mistake_of_the_policy() {
    let text = "[machine]\ncpus = 2\n[[thread]]\nname = \"P\"\ncount = 3\nprogram = [{ receive = \"spin\" }, { send = \"P0\" }]";
    for policy in ["space-fcfs", "space-backfill", "space-easy", "space-static"] {
        let stop = stop(&text.replace("cpus = 2", "cpus = 2\n[policy]\npartition = 1"), policy);
        assert!(matches!(stop, Stop::Deadlock { total: 3, .. }), "{policy}: {stop}");
        assert!(stop.to_string().contains("P2 waits for a CPU, kept for: P0, P1"), "{policy}: {stop}");
    }
}
