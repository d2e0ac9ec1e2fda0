//! Every `ticketcd …` command of the documentation works as printed: the command line accepts it, the files it names exist, and
//! the queries of the README find something in the dataset that the README loads.

use std::path::Path;

use clap::Parser;
use ticketcd::cli::Cli;
use ticketcd::dataset::Dataset;
use ticketcd::scenario::{self, types};
use ticketcd_judge::model::Keyspace;

/// Every page, by its path.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")).chain([root.join("README.md")]);
    let page = |path: std::path::PathBuf| {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        (name, std::fs::read_to_string(path).unwrap())
    };
    let mut pages: Vec<_> = pages.map(page).collect();
    pages.sort();
    pages
}

/// The command lines in the `sh` blocks of a page, comments removed.
fn commands(page: &str) -> Vec<Vec<String>> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).filter(|line| line.starts_with("ticketcd "));
    lines.map(words).collect()
}

/// The words of a command line as a shell splits them: quotes hold words together, ` #` begins a comment, ` >` a redirection.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (None, '#' | '>') if word.is_none() => break,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (Some(open), letter) if open == letter => quote = None,
            (None, ' ') => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// The value after a flag.
fn value<'words>(command: &'words [String], flag: &str) -> Option<&'words str> {
    command.iter().position(|word| word == flag).and_then(|at| command.get(at + 1)).map(String::as_str)
}

#[test]
fn every_documented_command_line_is_accepted() {
    let mut count = 0;
    for (name, page) in pages() {
        for command in commands(&page) {
            count += 1;
            if let Err(error) = Cli::try_parse_from(&command) {
                let is_help = matches!(error.kind(), clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion);
                assert!(is_help, "{name}: {command:?}\n{error}");
            }
        }
    }
    assert!(count >= 25, "{count} commands were found");
}

#[test]
fn every_documented_command_inside_a_sentence_is_accepted() {
    for (name, page) in pages() {
        // Those with a placeholder are shapes and not commands.
        let inline = page.split('`').skip(1).step_by(2).filter(|code| code.starts_with("ticketcd ") && !code.contains('\n'));
        for command in inline.map(words).filter(|words| words.iter().all(|word| !word.contains('…'))) {
            if let Err(error) = Cli::try_parse_from(&command) {
                use clap::error::ErrorKind;
                // A command that a sentence names without its arguments, or with a word that stands for a value.
                let is_shape = command.iter().any(|word| word.len() > 2 && word.chars().all(|letter| letter.is_ascii_uppercase()));
                let is_named = is_shape && matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation)
                    || matches!(
                        error.kind(),
                        ErrorKind::MissingRequiredArgument
                            | ErrorKind::MissingSubcommand
                            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                            | ErrorKind::DisplayHelp
                    );
                assert!(is_named, "{name}: {command:?}\n{error}");
            }
        }
    }
}

#[test]
fn documented_scenarios_overrides_and_files_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, page) in pages() {
        for command in commands(&page) {
            if command.get(1).is_some_and(|verb| verb == "run") {
                let overrides = command.iter().zip(command.iter().skip(1)).filter(|(flag, _)| *flag == "--set");
                let overrides: Vec<String> = overrides.map(|(_, change)| change.clone()).collect();
                for strategy in value(&command, "--strategy").unwrap_or_default().split(',') {
                    let mut overrides = overrides.clone();
                    overrides.extend((!strategy.is_empty()).then(|| format!("load.strategy={strategy:?}")));
                    scenario::load(&command[2], &overrides).unwrap_or_else(|error| panic!("{name}: {command:?}\n{error}"));
                }
            }
            for file in command.iter().filter(|word| word.starts_with("docs/")) {
                assert!(root.join(file).is_file(), "{name}: {command:?} names {file}, which does not exist");
            }
            for made in command.iter().filter(|word| word.starts_with("reports/")) {
                let is_made = commands(&page).iter().any(|command| value(command, "--out") == Some(made));
                assert!(is_made, "{name}: {command:?} names {made}, which no command before it writes");
            }
        }
    }
}

#[test]
fn every_override_inside_a_sentence_is_accepted() {
    for (name, page) in pages() {
        let inline = page.split('`').skip(1).step_by(2).filter(|code| code.starts_with("--set ") && !code.contains('…'));
        for code in inline.filter(|code| !code.contains("KEY")) {
            let overrides: Vec<String> = words(code).into_iter().filter(|word| word != "--set").collect();
            scenario::load("quickstart", &overrides).unwrap_or_else(|error| panic!("{name}: {code}\n{error}"));
        }
    }
}

#[test]
fn documented_queries_find_something_in_the_documented_dataset() {
    for (name, page) in pages().into_iter().filter(|(name, _)| ["README.md", "docs/queries.md"].contains(&name.as_str())) {
        let commands = commands(&page);
        let verbs = |command: &[String]| command.iter().skip(1).take(2).cloned().collect::<Vec<_>>().join(" ");
        let load = commands.iter().find(|command| verbs(command) == "dataset load").unwrap();
        let number = |flag| value(load, flag).unwrap().parse().unwrap();
        let spec = types::Dataset { users: number("--users"), events: number("--events"), ..types::Dataset::default() };
        let seed = value(load, "--seed").map_or(1, |seed| seed.parse().unwrap());
        let catalogue = Dataset::generate(&spec, seed, &Keyspace::new("ticketcd/")).unwrap().catalogue;
        let (mut searches, mut purchases, mut bought) = (0, 0, 0);
        for command in &commands {
            match verbs(command).as_str() {
                "query search" => {
                    searches += 1;
                    let (kind, text) = (value(command, "--type").unwrap(), value(command, "--text").unwrap());
                    let found = catalogue.events.iter().any(|event| event.event_type == kind);
                    assert!(found, "{name}: there is no event of type {kind}; there are {:?}", catalogue.types);
                    assert!(catalogue.words.iter().any(|word| word.starts_with(text)), "{name}: no word begins with {text}");
                }
                "query purchases" => {
                    purchases += 1;
                    assert!(catalogue.users.contains(&command[3]), "{name}: there is no user {}", command[3]);
                }
                verbs if verbs.starts_with("buy ") => {
                    bought += 1;
                    let event = catalogue.events.iter().find(|event| event.id == command[2]);
                    let event = event.unwrap_or_else(|| panic!("{name}: there is no event {}", command[2]));
                    let buyer = value(command, "--buyer").unwrap();
                    assert!(catalogue.users.iter().any(|user| user == buyer), "{name}: there is no user {buyer}");
                    for (kind, quantity) in command.iter().filter_map(|word| word.split_once('=')) {
                        let ticket = event.kinds.iter().find(|ticket| ticket.kind == kind);
                        let ticket = ticket.unwrap_or_else(|| panic!("{name}: the event has no tickets of type {kind}"));
                        assert!(ticket.total >= quantity.parse().unwrap(), "{name}: {kind}={quantity} is more than there are");
                    }
                }
                _ => {}
            }
        }
        assert_eq!((searches, purchases, bought), (1, 1, 1), "{name}");
    }
}
