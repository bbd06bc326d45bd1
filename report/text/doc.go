// Package text writes a Profile as text, in the layout of perf report --stdio:
// header comments, then for each event a table with its call trees.
//
// For the same rows the bytes are those of perf 6.1, with these exceptions:
//   - no closing tip;
//   - a further header line where LOST records tell of losses;
//   - columns are as wide as what they show (perf measures the last name of a
//     row's thread and cuts off what is longer);
//   - unprintable characters in names are shown as question marks.
package text
