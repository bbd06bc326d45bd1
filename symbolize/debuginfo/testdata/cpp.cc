#include <string>
#include <string_view>
#include <vector>
#include <memory>
#include <cstdio>
namespace ns {
enum class Mode : unsigned char { Off, On = 7 };
struct Base { virtual ~Base() {} int base; };
struct Virt : virtual Base { int v; };
template <class T> struct Box { T value; int f(T x) const; static int s(int, ...); };
template <class T> __attribute__((noinline)) int Box<T>::f(T x) const { return value + x; }
struct Derived : Base {
	unsigned lo:3, hi:7; bool flag:1; long double ld; char c; wchar_t w; char16_t c16;
	int (Derived::*mf)(int); int Derived::*dm; int arr[2][3]; int (*fp)(int, const char *);
	union { int u1; float u2; };
	int method(const std::string &s, std::string by, std::string_view sv, Mode m);
	static int stat;
};
int Derived::stat = 4;
__attribute__((noinline)) int Derived::method(const std::string &s, std::string by, std::string_view sv, Mode m) {
	return s.size() + by.size() + sv.size() + (int)m + base;
}
__attribute__((noinline)) int over(int a) { return a + 1; }
__attribute__((noinline)) int over(double a, Virt *v, int &&rr, int &r, std::vector<int> vec, std::unique_ptr<int> up) { return a + rr + r + vec.size() + *up + (v ? v->v : 0); }
namespace { __attribute__((noinline)) int anon(int x) { return x * 3; } }
int globalvar = 5;
struct Big { long a, b, c; };
__attribute__((noinline)) Big ret(int n, struct Big in) { return Big{n, n + in.a, 3}; }
struct Pair { int a; int b; };
__attribute__((noinline)) int pair(Pair p, double d, float fl, __int128 i128, _Complex double cd) { return p.a + p.b + d + fl + (int)i128; }
}
static inline int twice(int x) { return 2 * x; }
thread_local int tls = 3;
int operator+(ns::Big a, int b) { return a.a + b; }
int main(int argc, char **argv) {
	ns::Derived d{};
	ns::Box<int> b{3};
	ns::Virt v;
	auto lambda = [&](int q) { return q + argc; };
	int x = d.method("hello", "world, this is long enough for the heap", "view", ns::Mode::On);
	x += ns::over(1) + ns::over(2.0, &v, 3, x, {1, 2, 3}, std::make_unique<int>(4)) + b.f(3) + ns::anon(x) + ns::ret(x, {1,2,3}).b;
	x += ns::pair({1, 2}, 1.5, 2.5f, 3, 1) + lambda(3) + twice(argc) + tls + (ns::Big{1,2,3} + 4);
	printf("%d\n", x);
}
