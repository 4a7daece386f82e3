use airtight_model::*;
use airtight_store::*;
use std::path::Path;
use std::time::Instant;
fn rss() -> String {
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    s.lines()
        .filter(|l| l.starts_with("VmHWM") || l.starts_with("RssAnon"))
        .map(|l| l.to_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let store_path = Path::new(&args[2]);
    match args[1].as_str() {
        "ingest" => {
            let n: usize = args.get(4).map_or(1, |n| n.parse().unwrap());
            for _ in 0..n {
                let t = Instant::now();
                let store = Store::open(store_path, OpenOptions::default()).unwrap();
                let t1 = Instant::now();
                let (root, path) = (
                    Path::new(&args[3]).parent().unwrap(),
                    Path::new(&args[3]).file_name().unwrap().to_str().unwrap(),
                );
                let found = store
                    .ingest(&IngestRequest {
                        root,
                        path,
                        exclude: &[],
                        gitignore: true,
                        stat_cache: true,
                        list_left_out: false,
                    })
                    .unwrap();
                let t2 = Instant::now();
                drop(store);
                println!(
                    "open {:?} ingest {:?} close {:?} files {} read {} {}",
                    t1 - t,
                    t2 - t1,
                    t2.elapsed(),
                    found.files,
                    found.read,
                    rss()
                );
            }
        }
        "export" => {
            let store = Store::open(store_path, OpenOptions::default()).unwrap();
            let (root, path) = (
                Path::new(&args[3]).parent().unwrap(),
                Path::new(&args[3]).file_name().unwrap().to_str().unwrap(),
            );
            let found = store
                .ingest(&IngestRequest {
                    root,
                    path,
                    exclude: &[],
                    gitignore: true,
                    stat_cache: true,
                    list_left_out: false,
                })
                .unwrap();
            let t = Instant::now();
            let e = store.export(&found.node, Path::new(&args[4]), &args[5]).unwrap();
            println!("export {:?} {:?} {}", t.elapsed(), e, rss());
        }
        "scratch" => {
            let store = Store::open(store_path, OpenOptions::default()).unwrap();
            let mib: u64 = args[3].parse().unwrap();
            let chunk: usize = args[4].parse().unwrap();
            let mut buf = vec![7u8; chunk];
            let t = Instant::now();
            let mut s = store.scratch().unwrap();
            let mut at = 0;
            while at < mib << 20 {
                buf[..8].copy_from_slice(&at.to_le_bytes());
                s.write_at(at, &buf).unwrap();
                at += chunk as u64;
            }
            let t1 = Instant::now();
            let r = store.put_scratch(s).unwrap();
            println!("write {:?} put {:?} {:?} {}", t1 - t, t1.elapsed(), r, rss());
            let t = Instant::now();
            let mut sum = 0u64;
            store
                .blob(&r.0)
                .unwrap()
                .for_each_part::<StoreError>(|p| {
                    sum += p.len() as u64;
                    Ok(())
                })
                .unwrap();
            println!("read back {:?} {sum} {}", t.elapsed(), rss());
        }
        "verify" => {
            let t = Instant::now();
            let store = Store::open(store_path, OpenOptions::default()).unwrap();
            println!("{:?} {:?} {}", store.verify().unwrap(), t.elapsed(), rss());
        }
        "stats" => {
            let t = Instant::now();
            let store = Store::open(store_path, OpenOptions::default()).unwrap();
            println!("{:?} {:?} {}", store.stats().unwrap(), t.elapsed(), rss());
        }
        "sweep" => {
            let t = Instant::now();
            let store = Store::open(store_path, OpenOptions::default()).unwrap();
            println!(
                "{:?} {:?} {}",
                store
                    .sweep(SweepLimits {
                        max_bytes: args[3].parse().unwrap()
                    })
                    .unwrap(),
                t.elapsed(),
                rss()
            );
        }
        "hits" => {
            let n: usize = args[3].parse().unwrap();
            let actions: Vec<(Action, ActionResult)>;
            {
                let store = Store::open(store_path, OpenOptions::default()).unwrap();
                actions = (0..n)
                    .map(|i| {
                        let blob = store.put_blob(format!("in {i}").as_bytes()).unwrap();
                        let node = Node::File {
                            blob,
                            size: 5,
                            executable: false,
                        };
                        let request = StepRequest {
                            component: BlobDigest::of(b"component"),
                            adapter: None,
                            invocation: step::Invocation::Command(
                                vec!["cp".into(), format!("/src/{i}"), "/out/x".into()],
                                None,
                            ),
                            program: "tool".into(),
                            env: vec![],
                            cwd: "/".into(),
                            clock_base: airtight_model::step::DEFAULT_CLOCK_BASE,
                            grants: Default::default(),
                            mounts: vec![Mount {
                                at: format!("/src/{i}"),
                                node: node.clone(),
                                writable: false,
                            }],
                            outputs: vec![OutputSpec {
                                name: "out".into(),
                                path: "/out/x".into(),
                                pin: None,
                            }],
                            limits: Limits::DEFAULT,
                        };
                        let result = ActionResult {
                            outputs: vec![("out".into(), node)],
                            result: None,
                            stdout: Captured::default(),
                            stderr: Captured::default(),
                            log: vec![],
                            reports: vec![],
                            denials: vec![],
                            uses: vec![],
                            usage: Usage::default(),
                        };
                        (Action::new(&request), result)
                    })
                    .collect();
                let t = Instant::now();
                for (i, (action, result)) in actions.iter().enumerate() {
                    store
                        .publish(action, &ReadSet::default(), result, &format!("pipe/step{i}"))
                        .unwrap();
                }
                let t1 = Instant::now();
                drop(store);
                println!("publish {:?} close {:?}", t1 - t, t1.elapsed());
            }
            for _ in 0..5 {
                let t = Instant::now();
                let store = Store::open(store_path, OpenOptions::default()).unwrap();
                let _lease = store.lease().unwrap();
                for (i, (action, _)) in actions.iter().enumerate() {
                    assert!(matches!(
                        store.lookup(action, &format!("pipe/step{i}")).unwrap(),
                        Lookup::Full(_)
                    ));
                }
                println!("{n} hits {:?} {}", t.elapsed(), rss());
            }
            let t = Instant::now();
            for (action, _) in &actions {
                std::hint::black_box(action.full_key(&action.static_key()));
            }
            println!("keys alone {:?}", t.elapsed());
        }
        _ => panic!(),
    }
}
