// Overloads, templates, constructors, operators, lambdas and unnamed namespaces.
#define NOINLINE __attribute__((noinline, used))
namespace ns {
template <class T> struct Box {
	T value;
	NOINLINE Box(T v) : value(v) {}
	NOINLINE ~Box() { asm volatile(""); }
	NOINLINE T get(int, char) const { return value; }
	NOINLINE bool operator<(const Box &o) const { return value < o.value; }
};
NOINLINE int over(int a) { return a; }
NOINLINE int over(double a) { return (int)a; }
NOINLINE int over(Box<Box<int> *> *) { return 0; }
} // namespace ns
namespace {
NOINLINE int hidden(int a) { return a + 1; }
} // namespace
template <class T> NOINLINE T larger(T a, T b) { return a < b ? b : a; }
extern "C" int main()
{
	ns::Box<int> box(1);
	ns::Box<double> other(2);
	auto lambda = [](int q) NOINLINE { return q; };

	return box.get(1, 'x') + (int)other.get(1, 'x') + (box < box) + ns::over(1) + ns::over(2.0) +
	       ns::over((ns::Box<ns::Box<int> *> *)0) + hidden(3) + larger(1, 2) + (int)larger(1.0, 2.0) + lambda(4);
}
