//! What breaks: the plan, the injection, the record of what really happened.
