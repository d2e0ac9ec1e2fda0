//! `ticketcd query revenue`.

use serde::Serialize;
use ticketcd_judge::history::Revision;
use ticketcd_judge::model::Total;

use crate::cli::Failure;
use crate::cli::shop_session::ShopSession;
use crate::cli::write_out::to_json;
use crate::report::numbers::count;
use crate::shop::queries::{Named, Revenues, revenue_of_all};
use crate::terminal::{Screen, Table};

/// The answer as JSON.
#[derive(Debug, Serialize)]
struct Answer<'answer> {
    revision: Revision,
    types: Vec<Line<'answer>>,
    events: usize,
    sold: i128,
    revenue: Total,
}

#[derive(Debug, Serialize)]
struct Line<'answer> {
    #[serde(rename = "type")]
    kind: &'answer str,
    events: usize,
    sold: i64,
    revenue: Total,
}

/// Runs the query and renders its answer.
pub(super) async fn answer(session: &mut ShopSession, types: &[String], as_json: bool) -> Result<String, Failure> {
    let revenues = session.ask(async |keys, caller| revenue_of_all(keys, caller, types).await).await?;
    if let Some(unknown) = types.iter().find(|kind| !revenues.types.contains_key(*kind)) {
        return Err(session.nothing_named(Named::Type, unknown).await);
    }
    if revenues.types.is_empty()
        && let Some(failure) = session.no_shop().await?
    {
        return Err(failure);
    }
    let answer = Answer::of(&revenues);
    if as_json { to_json(&answer) } else { Ok(table(&answer, Screen::of_stdout())) }
}

impl<'answer> Answer<'answer> {
    fn of(revenues: &'answer Revenues) -> Self {
        let lines = revenues.types.iter().map(|(kind, revenue)| Line {
            kind,
            events: revenue.events,
            sold: revenue.sold,
            revenue: Total(revenue.cents),
        });
        let types: Vec<Line<'_>> = lines.collect();
        Self {
            revision: revenues.revision,
            events: types.iter().map(|line| line.events).sum(),
            sold: types.iter().map(|line| i128::from(line.sold)).sum(),
            revenue: Total(types.iter().map(|line| line.revenue.0).sum()),
            types,
        }
    }
}

fn table(answer: &Answer<'_>, screen: Screen) -> String {
    let mut table = Table::new(&["TYPE", "#EVENTS", "#SOLD", "#REVENUE"]);
    for line in &answer.types {
        table.row([line.kind.to_owned(), count(line.events as u64), tickets(line.sold.into()), line.revenue.to_string()]);
    }
    table.row(["total".to_owned(), count(answer.events as u64), tickets(answer.sold), answer.revenue.to_string()]);
    format!("{}At revision {}.\n", table.render(screen), answer.revision)
}

/// A number of tickets. Where more were given back than sold it is negative.
fn tickets(number: i128) -> String {
    u64::try_from(number).map_or_else(|_| number.to_string(), count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::queries::Revenue;

    #[test]
    fn types_and_their_total_are_exact() {
        let revenue = |events, sold, cents| Revenue { revision: 9, events, sold, cents };
        let types = [("concert".to_owned(), revenue(2, 3, 1_497)), ("opera".to_owned(), revenue(1, 0, 0))];
        let revenues = Revenues { revision: 9, types: types.into() };
        let answer = Answer::of(&revenues);
        assert_eq!(
            table(&answer, Screen::none()),
            "TYPE     EVENTS  SOLD  REVENUE\nconcert       2     3    14.97\nopera         1     0     0.00\n\
             total         3     3    14.97\nAt revision 9.\n"
        );
        assert_eq!(
            serde_json::to_string(&answer).unwrap(),
            r#"{"revision":9,"types":[{"type":"concert","events":2,"sold":3,"revenue":14.97},{"type":"opera","events":1,"sold":0,"revenue":0.00}],"events":3,"sold":3,"revenue":14.97}"#
        );
    }
}
