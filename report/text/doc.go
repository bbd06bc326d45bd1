// Package text writes a Profile as text, in the layout of perf report --stdio:
// header comments, then for each event a table with its call trees.
//
// For the same rows the bytes are those of perf 6.1, with these exceptions:
//   - no closing tip;
//   - a further header line where LOST records tell of losses;
//   - columns are as wide as what they show (perf measures the last name of a
//     row's thread and cuts off what is longer);
//   - unprintable characters in names are shown as question marks.
//
// Rows differ from perf's where perf's are wrong or depend on chance:
//   - a caller whose call is the last thing it does, since what it calls does
//     not return, is named as such; perf names the function behind it;
//   - a place without a name is one row, whether it was hit or called on;
//     perf has one row for its position in the file and one for its address;
//   - places without names in call trees are shown at the address where they
//     were first seen, and are one for all processes that have the file;
//   - files of one short name are told apart by their functions' names;
//   - recordings of branch stacks are reports of samples, not of branches, and
//     the events of a group have a table each.
package text
